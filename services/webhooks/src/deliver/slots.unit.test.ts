import assert from "node:assert/strict";
import { test } from "vitest";
import { makeSlots, type Slot } from "./slots.ts";

const limits = { inAll: 4, perHost: 2, perOwner: 3 };

function take(
  slots: ReturnType<typeof makeSlots>,
  host: string,
  owner: string,
) {
  const taken = slots.take(host, owner);
  return taken.kind === "slot" ? taken : assert.fail("busy");
}
const isBusy = (...[slots, host, owner]: Parameters<typeof take>) =>
  slots.take(host, owner).kind === "busy";

test("a host, an owner and all together have so many slots, and get them back", () => {
  const slots = makeSlots(limits);
  const first = take(slots, "a", "x");
  take(slots, "a", "y");
  assert.ok(isBusy(slots, "a", "z"), "the host");
  take(slots, "b", "x");
  const last: Slot = take(slots, "c", "x");
  assert.ok(isBusy(slots, "d", "y"), "all together");
  last[Symbol.dispose]();
  first[Symbol.dispose]();
  assert.equal(slots.used, 2);
  take(slots, "a", "x");
  take(slots, "d", "x");
  assert.ok(isBusy(slots, "e", "x"), "the owner");
});

test("the more are turned away, the later each is asked to come again, up to a minute", () => {
  const slots = makeSlots({ ...limits, perHost: 1 }, () => 1);
  const held = take(slots, "a", "x");
  const waits = Array.from({ length: 100 }, () => {
    const busy = slots.take("a", "x");
    return busy.kind === "busy" ? busy.afterMs : 0;
  });
  assert.deepEqual(waits.slice(0, 3), [1_000, 2_000, 3_000]);
  assert.equal(waits.at(-1), 60_000);
  held[Symbol.dispose]();
  take(slots, "a", "x")[Symbol.dispose]();
  assert.equal(
    slots.hosts,
    0,
    "nothing is kept of a host with nothing in hand",
  );
});
