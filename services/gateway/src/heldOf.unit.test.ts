import type { LogUse } from "@jetscribe/task-store";
import assert from "node:assert/strict";
import { test } from "node:test";
import { heldOf } from "./heldOf.ts";

/** Every message has 10 bytes, and every third sequence is a milestone; the projection has read up to 30. */
const milestones = Array.from({ length: 11 }, (_, i) => ({
  seq: 3 * i,
  bytes: 30 * i,
}));
const use = (over: Partial<LogUse> = {}): LogUse => ({
  checkpoint: {
    ...{ created: "monday", seq: 30, id: "a.outcome" },
    ...{ caughtUp: true, beat: 3, bytes: 300 },
  },
  milestones,
  oldestOpen: undefined,
  projections: [],
  ...over,
});
const whole = { firstSeq: 1, bytes: 300 };
const now = 1_764_000_000_000;
const bytesOf = (one: LogUse, log = whole) => heldOf(one, log, now).bytes;

test("a log in which all is finished and read holds nothing", () => {
  assert.equal(bytesOf(use()), 0);
});

test("an unfinished request holds what comes after the milestone before it", () => {
  const held = heldOf(use({ oldestOpen: 13 }), whole, now);
  assert.deepEqual(held, {
    bytes: 180,
    by: "the oldest unfinished request",
  });
  assert.equal(bytesOf(use({ oldestOpen: 14 })), 180);
  assert.equal(bytesOf(use({ oldestOpen: 16 })), 150);
});

test("what the projection has not read is held, and counted by the broker", () => {
  const longer = { firstSeq: 1, bytes: 420 };
  assert.deepEqual(heldOf(use(), longer, now), {
    bytes: 120,
    by: "what the results service has read",
  });
  // 9 messages were dropped at the beginning.
  assert.equal(bytesOf(use(), { firstSeq: 10, bytes: 330 }), 120);
  assert.equal(bytesOf(use({ oldestOpen: 16 }), longer), 270);
});

test("what was erased in between does not shorten what is held", () => {
  const erased = { firstSeq: 1, bytes: 260 };
  assert.equal(bytesOf(use({ oldestOpen: 16 }), erased), 150);
});

test("never more is held than there is", () => {
  const rest = { firstSeq: 28, bytes: 30 };
  assert.equal(bytesOf(use({ oldestOpen: 28 }), rest), 30);
  assert.equal(bytesOf(use({ oldestOpen: 5, milestones: [] }), whole), 300);
});

test("another projection holds what it has not read, until it was away for a day", () => {
  const away = (hours: number) =>
    use({
      projections: [
        { name: "logger", seq: 21, heardAt: now - hours * 3_600_000 },
      ],
    });
  assert.deepEqual(heldOf(away(23), whole, now), {
    bytes: 90,
    by: "what the logger has read",
  });
  assert.equal(bytesOf(away(25)), 0);
});
