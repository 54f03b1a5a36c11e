import type { Queue } from "@jetscribe/schema";
import assert from "node:assert/strict";
import { test } from "node:test";
import { makeRota } from "./rota.ts";

const queue = (owner: string, lane: Queue["lane"] = "interactive"): Queue => ({
  ...{ model: "demo", lane, owner },
});
const info = (owner: string, pending: number, ackPending = 0) => ({
  ...{ queue: queue(owner), pending, ackPending },
});
const none = new Map();

/** Asks as long as something is wanted. */
function order(rota: ReturnType<typeof makeRota>) {
  const owners: string[] = [];
  for (let one; (one = rota.next());) owners.push(one.queue.owner);
  return owners.join("");
}

test("what a look at the consumers shows is wanted: waiting work, and deliveries that are not our own", () => {
  const rota = makeRota();
  rota.found([info("a", 1), info("b", 0), info("c", 0, 2)], none);
  assert.equal(order(rota), "ac");
  const c = rota.named("infer=demo=interactive=c");
  assert.ok(c);
  rota.found([info("c", 0, 2)], new Map([[c, 2]]));
  assert.equal(order(rota), "");
});

test("a consumer that is gone is forgotten, unless a pull of it is under way", () => {
  const rota = makeRota();
  rota.found([info("a", 1), info("b", 1)], none);
  const b = rota.named("infer=demo=interactive=b");
  assert.ok(b);
  b.asked = true;
  rota.found([], none);
  assert.equal(rota.named("infer=demo=interactive=a"), undefined);
  assert.equal(rota.named("infer=demo=interactive=b"), b);
  assert.deepEqual(rota.recent(), [b]);
});

test("interactive work goes first; within a lane the one that waits longest", () => {
  const rota = makeRota();
  rota.hinted(queue("x", "batch"));
  for (const owner of ["a", "b", "c"]) rota.hinted(queue(owner));
  assert.equal(order(rota), "abcx");
});

test("hints put off nobody's turn", () => {
  const rota = makeRota();
  rota.found([info("a", 9), info("b", 9)], none);
  const turns = Array.from({ length: 6 }, () => {
    const one = rota.next();
    assert.ok(one);
    rota.delivered(one, 8);
    rota.hinted(queue("b"));
    return one.queue.owner;
  });
  assert.equal(turns.join(""), "ababab");
});

test("one that is pulled already is not asked a second time", () => {
  const rota = makeRota();
  rota.hinted(queue("a"));
  const one = rota.next();
  assert.ok(one);
  for (const how of ["asked", "standing"] as const) {
    one[how] = true;
    rota.hinted(queue("a"));
    assert.equal(rota.next(), undefined);
    one[how] = false;
    assert.equal(rota.next(), one);
  }
});

test("an empty answer to a hint is asked once more, and no oftener", () => {
  const rota = makeRota();
  rota.hinted(queue("a"));
  const one = rota.next();
  assert.ok(one);
  rota.empty(one);
  assert.equal(rota.next(), one);
  rota.empty(one);
  assert.equal(rota.next(), undefined);
});

test("a hint that comes while its queue is asked outlives an older word that nothing waits", () => {
  const rota = makeRota();
  rota.hinted(queue("a"));
  const one = rota.next();
  assert.ok(one);
  rota.hinted(queue("a"));
  rota.delivered(one, 0);
  assert.equal(rota.next(), one);
  rota.delivered(one, 0);
  assert.equal(rota.next(), undefined);
});

test("four queues are recent: those where work was seen last", () => {
  const rota = makeRota();
  for (const owner of ["a", "b", "c", "d", "e", "b"]) rota.hinted(queue(owner));
  const owners = rota.recent().map((one) => one.queue.owner);
  assert.deepEqual(owners, ["b", "e", "d", "c"]);
});
