import type { WorkItem } from "@jetscribe/event-log/work/consume";
import assert from "node:assert/strict";
import { test } from "vitest";
import { makeHeldTasks } from "./heldTasks.ts";
import { reasonOf } from "../../test/reasonOf.ts";
import { queue, requestOf } from "../../test/workerTestKit.ts";

test("a lease is over after four fifths of ACK_WAIT, whether the machine ran or slept", () => {
  let now = 1_000;
  using held = makeHeldTasks({
    ackWaitMs: 15_000,
    states: { surelyAll: () => Promise.reject(new Error("not asked")) },
    now: () => now,
  });
  const event = { ...requestOf(), seq: 1, time: 1 };
  using inHand = held.hold({ event, queue } as WorkItem);
  now += 12_000;
  inHand.checkLease();
  assert.equal(reasonOf(inHand), undefined);
  now += 1;
  inHand.checkLease();
  assert.equal(reasonOf(inHand), "lease");
});
