import type { LogUse } from "@jetscribe/task-store";
import assert from "node:assert/strict";
import { test } from "vitest";
import { bytesFrom, holdsOf, seqLeaving } from "./planTrim.ts";
import { noOpenWork } from "../projection/projectTasks.ts";

/** Every message has 10 bytes, and every third sequence is a milestone; the projection has read up to 30. */
const milestones = Array.from({ length: 11 }, (_, i) => ({
  seq: 3 * i,
  bytes: 30 * i,
}));
const use = (over: Partial<LogUse> = {}): LogUse => ({
  checkpoint: {
    ...{ created: "monday", seq: 30, id: "a.outcome" },
    ...{ caughtUp: true, beat: 3, bytes: 300, open: noOpenWork },
  },
  milestones,
  oldestOpen: undefined,
  projections: [],
  ...over,
});
const queue = { model: "demo", lane: "interactive", owner: "a" } as const;
const open = (seq: number) => ({ oldestOpen: { seq, queue } });
const whole = { firstSeq: 1, bytes: 300 };
const now = 1_764_000_000_000;
const heldBytes = (one: LogUse, log = whole) =>
  bytesFrom(holdsOf(one, now)[0]?.seq ?? 0, one, log);

test("a log in which all is finished and read holds nothing", () => {
  assert.equal(heldBytes(use()), 0);
});

test("an unfinished request holds what comes after the milestone before it", () => {
  const [oldest] = holdsOf(use(open(13)), now);
  assert.deepEqual(oldest, {
    ...{ seq: 13, queue },
    by: "the oldest unfinished request",
  });
  assert.equal(heldBytes(use(open(13))), 180);
  assert.equal(heldBytes(use(open(14))), 180);
  assert.equal(heldBytes(use(open(16))), 150);
});

test("what the projection has not read is held, and counted by the broker", () => {
  const longer = { firstSeq: 1, bytes: 420 };
  assert.equal(holdsOf(use(), now)[0]?.by, "what the results service has read");
  assert.equal(heldBytes(use(), longer), 120);
  // 9 messages were dropped at the beginning.
  assert.equal(heldBytes(use(), { firstSeq: 10, bytes: 330 }), 120);
  assert.equal(heldBytes(use(open(16)), longer), 270);
});

test("what was erased in between does not shorten what is held", () => {
  const erased = { firstSeq: 1, bytes: 260 };
  assert.equal(heldBytes(use(open(16)), erased), 150);
});

test("never more is held than there is", () => {
  const rest = { firstSeq: 28, bytes: 30 };
  assert.equal(heldBytes(use(open(28)), rest), 30);
  assert.equal(heldBytes(use({ ...open(5), milestones: [] })), 300);
});

test("another reader holds what it has not read, until it was away for a day", () => {
  const away = (hours: number) =>
    use({
      projections: [
        { name: "logger", seq: 21, heardAt: now - hours * 3_600_000 },
      ],
    });
  assert.equal(holdsOf(away(23), now)[0]?.by, "what the logger has read");
  assert.equal(heldBytes(away(23)), 90);
  assert.equal(heldBytes(away(25)), 0);
});

test("the place from which on the log is small enough is behind a milestone", () => {
  assert.equal(seqLeaving(100, use(), whole), 22);
  assert.equal(seqLeaving(300, use(), whole), 1);
  // What the projection has not read can't be told apart.
  assert.equal(seqLeaving(100, use(), { firstSeq: 1, bytes: 420 }), 31);
});
