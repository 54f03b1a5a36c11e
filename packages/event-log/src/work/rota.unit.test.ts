import { makeNames, type Queue } from "@jetscribe/schema";
import assert from "node:assert/strict";
import { test } from "vitest";
import { makeRota, type Rota } from "./rota.ts";

const names = makeNames();

const queue = (owner: string, lane: Queue["lane"] = "interactive"): Queue => ({
  ...{ model: "demo", lane, owner },
});
const info = (owner: string, tasks: number) => ({
  ...{ queue: queue(owner), tasks },
});
const none = new Map();

/** The one whose turn it is. */
const nextOf = (rota: Rota) => [...rota.next(1).keys()][0];
const named = (rota: Rota, owner: string, lane = "interactive") => {
  const found = rota.named(`infer=demo=${lane}=${owner}`);
  assert.ok(found);
  return found;
};

/** Takes one task of each turn, of so many tokens, until nothing waits; in the order of the turns. */
function order(rota: Rota, tokens = 10) {
  const owners: string[] = [];
  for (let one; (one = nextOf(rota)); rota.delivered(one, 0)) {
    owners.push(one.queue.owner);
    rota.served(one, tokens);
  }
  return owners.join("");
}

test("what a look shows takes turns, unless all of it is in our own hands", () => {
  const rota = makeRota(names);
  rota.found([info("a", 1), info("b", 0), info("c", 2)], none);
  assert.equal(order(rota), "ac");
  rota.found([info("c", 2)], new Map([[named(rota, "c"), 2]]));
  assert.equal(order(rota), "");
  assert.equal(rota.named("infer=demo=interactive=b"), undefined);
});

test("queues without work for ten minutes are forgotten; not those in hand, asked, pulled, or waiting for a turn", () => {
  let now = 0;
  const rota = makeRota(names, () => now);
  for (const owner of ["idle", "held", "asked", "pulled", "waits", "late"])
    rota.hinted(queue(owner));
  for (let one; (one = nextOf(rota));) rota.delivered(one, 0);
  rota.found([info("waits", 1)], none);
  named(rota, "asked").asked = 1;
  rota.stands(named(rota, "pulled"));
  now = 1;
  rota.delivered(named(rota, "late"), 0);
  now = 600_000;
  rota.forgetIdle(new Map([[named(rota, "held"), 1]]));
  assert.equal(rota.named("infer=demo=interactive=idle"), undefined);
  for (const owner of ["held", "asked", "pulled", "waits", "late"])
    assert.ok(named(rota, owner));
  assert.ok(rota.recent().every((one) => one.queue.owner !== "idle"));
});

test("interactive work goes first; within a lane the one that waits longest", () => {
  const rota = makeRota(names);
  rota.hinted(queue("x", "batch"));
  for (const owner of ["a", "b", "c"]) rota.hinted(queue(owner));
  assert.equal(
    [...rota.next(3).keys()].map((one) => one.queue.owner).join(""),
    "abc",
  );
});

test("turns are counted in tokens, and hints put off nobody's", () => {
  const rota = makeRota(names);
  rota.found([info("a", 9), info("b", 9)], none);
  const turns = Array.from({ length: 8 }, () => {
    const one = nextOf(rota);
    assert.ok(one);
    rota.served(one, one.queue.owner === "a" ? 30 : 10);
    rota.delivered(one, 8);
    rota.hinted(queue("b"));
    return one.queue.owner;
  });
  assert.equal(turns.join(""), "abbbabbb");
});

test("of ten tokens one is the batch lane's, while other work waits", () => {
  const rota = makeRota(names);
  rota.found([info("a", 99)], none);
  rota.hinted(queue("x", "batch"));
  const turns = Array.from({ length: 100 }, () => {
    const one = nextOf(rota);
    assert.ok(one);
    rota.served(one, 100);
    return one.queue.owner;
  });
  assert.equal(turns.filter((owner) => owner === "x").length, 10);
});

test("tokens that were charged too much are given back", () => {
  const rota = makeRota(names);
  rota.found([info("a", 9), info("b", 9)], none);
  rota.served(named(rota, "a"), 50);
  assert.equal(nextOf(rota)?.queue.owner, "b");
  rota.served(named(rota, "a"), -50);
  assert.equal(nextOf(rota)?.queue.owner, "a");
});

test("an owner's usual task is learned from those that it finished", () => {
  const rota = makeRota(names);
  rota.found([info("a", 99), info("b", 99)], none);
  const [a, b] = [named(rota, "a"), named(rota, "b")];
  for (let i = 0; i < 40; i++) {
    rota.finished(a, 20);
    rota.finished(b, 180);
  }
  const plan = rota.next(20);
  assert.deepEqual([plan.get(a), plan.get(b)], [18, 2]);
});

test("one that is asked already is not asked a second time, and its turn is kept", () => {
  const rota = makeRota(names);
  for (const owner of ["a", "b"]) rota.hinted(queue(owner));
  const a = named(rota, "a");
  rota.served(named(rota, "b"), 500);
  a.asked = 1;
  assert.equal(nextOf(rota), undefined);
  a.asked = 0;
  assert.equal(nextOf(rota), a);
});

test("one that does not answer keeps no turn of others", () => {
  const rota = makeRota(names);
  rota.found([info("a", 9), info("b", 9)], none);
  const [a, b] = [named(rota, "a"), named(rota, "b")];
  rota.served(b, 500);
  assert.equal(nextOf(rota), a);
  rota.lost(a);
  assert.equal(a.count, 500);
});

test("what comes to a standing pull takes no turns until that is over", () => {
  const rota = makeRota(names);
  rota.hinted(queue("a"));
  const a = named(rota, "a");
  rota.next(1);
  rota.delivered(a, 0);
  rota.stands(a);
  rota.hinted(queue("a"));
  assert.equal(nextOf(rota), undefined);
  rota.stood(a);
  assert.equal(nextOf(rota), a);
});

test("an empty answer to a hint is asked once more, and no oftener", () => {
  const rota = makeRota(names);
  rota.hinted(queue("a"));
  const one = nextOf(rota);
  assert.ok(one);
  rota.empty(one);
  assert.equal(nextOf(rota), one);
  rota.empty(one);
  assert.equal(nextOf(rota), undefined);
});

test("a hint that comes while its queue is asked outlives an older word that nothing waits", () => {
  const rota = makeRota(names);
  rota.hinted(queue("a"));
  const one = nextOf(rota);
  assert.ok(one);
  rota.hinted(queue("a"));
  rota.delivered(one, 0);
  assert.equal(nextOf(rota), one);
  rota.delivered(one, 0);
  assert.equal(nextOf(rota), undefined);
});

test("four queues are recent: those where work was seen last", () => {
  const rota = makeRota(names);
  for (const owner of ["a", "b", "c", "d", "e", "b"]) rota.hinted(queue(owner));
  const owners = rota.recent().map((one) => one.queue.owner);
  assert.deepEqual(owners, ["b", "e", "d", "c"]);
});
