import assert from "node:assert/strict";
import { test } from "vitest";
import { makeSlots, type Slot, type Slots } from "./slots.ts";

const limits = { inAll: 4, perHost: 2, perOwner: 3 };
const atOnce = { waitForMs: 0, random: () => 1 };

async function take(slots: Slots, host: string, owner: string): Promise<Slot> {
  const taken = await slots.take(host, owner);
  return taken.kind === "slot" ? taken : assert.fail("busy");
}
const isBusy = async (...[slots, host, owner]: Parameters<typeof take>) =>
  (await slots.take(host, owner)).kind === "busy";

test("a host, an owner and all together have so many slots, and get them back", async () => {
  const slots = makeSlots(limits, atOnce);
  const first = await take(slots, "a", "x");
  const ofY = await take(slots, "a", "y");
  assert.ok(await isBusy(slots, "a", "z"), "the host");
  await take(slots, "b", "x");
  const last = await take(slots, "c", "x");
  assert.ok(await isBusy(slots, "d", "y"), "all together");
  last[Symbol.dispose]();
  first[Symbol.dispose]();
  assert.equal(slots.used, 2);
  await take(slots, "a", "x");
  await take(slots, "d", "x");
  ofY[Symbol.dispose]();
  assert.ok(await isBusy(slots, "e", "x"), "the owner");
  await take(slots, "e", "y");
});

test("a slot that is given back goes to whoever has waited longest of those who may have it", async () => {
  const slots = makeSlots(limits, { waitForMs: 60_000 });
  const ofA = await take(slots, "a", "x");
  const another = await take(slots, "a", "x");
  const ofB = await take(slots, "b", "y");
  await take(slots, "b", "y");
  const got: string[] = [];
  const wait = async (host: string, name: string) => {
    const slot = await take(slots, host, "z");
    got.push(name);
    return slot;
  };
  const waits = [wait("b", "b"), wait("a", "a1"), wait("a", "a2")];
  ofA[Symbol.dispose]();
  const first = await waits[1];
  assert.deepEqual(got, ["a1"], "that of the full host b waits on");
  another[Symbol.dispose]();
  first?.[Symbol.dispose]();
  await waits[2];
  ofB[Symbol.dispose]();
  await waits[0];
  assert.deepEqual(got, ["a1", "a2", "b"]);
  assert.equal(slots.used, limits.inAll - 1);
});

test("a burst waits for its slots, and fewer wait where one was turned away", async () => {
  const slots = makeSlots({ ...limits, perHost: 1 }, { waitForMs: 60_000 });
  const held = await take(slots, "a", "x");
  let served = 0;
  const burst = Array.from({ length: 32 }, async () => {
    const slot = await take(slots, "a", "x");
    served++;
    slot[Symbol.dispose]();
  });
  assert.ok(await isBusy(slots, "a", "x"), "as many wait as may");
  assert.equal(served, 0);
  held[Symbol.dispose]();
  await Promise.all(burst);
  assert.equal(served, 32);

  const slow = makeSlots({ ...limits, perHost: 1 }, { waitForMs: 1 });
  await take(slow, "a", "x");
  assert.ok(await isBusy(slow, "a", "x"));
  const order: number[] = [];
  await Promise.all(
    Array.from({ length: 17 }, async (_, i) => {
      assert.ok(await isBusy(slow, "a", "x"));
      order.push(i);
    }),
  );
  assert.equal(order[0], 16, "the seventeenth does not wait");
});

test("the more are turned away, the later each is asked to come again", async () => {
  const slots = makeSlots({ ...limits, perHost: 1 }, atOnce);
  const held = await take(slots, "a", "x");
  const waits: number[] = [];
  for (let i = 0; i < 33; i++) {
    const busy = await slots.take("a", "x");
    waits.push(busy.kind === "busy" ? busy.afterMs : 0);
  }
  assert.deepEqual(
    [0, 16, 32].map((i) => waits[i]),
    [1_000, 2_000, 3_000],
  );
  held[Symbol.dispose]();
  (await take(slots, "a", "x"))[Symbol.dispose]();
  assert.equal(
    slots.hosts,
    0,
    "nothing is kept of a host with nothing in hand",
  );
});

test("nobody is asked to come again later than in a minute, and few hosts are remembered", async () => {
  const slots = makeSlots({ inAll: 1, perHost: 1, perOwner: 1 }, atOnce);
  await take(slots, "a", "x");
  const turnAway = (hosts: readonly string[]) =>
    Promise.all(hosts.map((host) => slots.take(host, "y")));
  const waits = await turnAway(Array<string>(1_000).fill("a"));
  const afterMs = waits.map((one) => (one.kind === "busy" ? one.afterMs : 0));
  assert.equal(Math.max(...afterMs), 60_000);
  await turnAway(Array.from({ length: 10_000 }, (_, i) => `host-${i}`));
  assert.ok(slots.hosts < 10_000);
});
