import type { LogUse } from "@jetscribe/task-store";
import assert from "node:assert/strict";
import { test } from "vitest";
import { holdsOf } from "./planTrim.ts";
import { noOpenWork } from "../projection/projectTasks.ts";
import { planTrim } from "./planTrim.ts";

const hour = 3_600_000;
const now = 1_764_000_000_000;
/** 1,000 messages of 10 bytes, a milestone every tenth, all read and finished. */
const use = (over: Partial<LogUse> = {}): LogUse => ({
  checkpoint: {
    ...{ created: "monday", seq: 1_000, id: "a.outcome" },
    ...{ caughtUp: true, beat: 3, bytes: 10_000, open: noOpenWork },
  },
  milestones: Array.from({ length: 101 }, (_, i) => ({
    ...{ seq: 10 * i, bytes: 100 * i },
  })),
  oldestOpen: undefined,
  projections: [],
  ...over,
});
const queue = { model: "demo", lane: "interactive", owner: "a" } as const;
const plan = (
  one: LogUse,
  {
    limit = 1_000_000,
    youngFrom = undefined as number | undefined,
    firstAgeMs = 31 * 24 * hour,
    log = { firstSeq: 1, bytes: 10_000 },
  } = {},
) =>
  planTrim(
    one,
    { ...log, firstTimeMs: now - firstAgeMs },
    { youngFrom, needed: holdsOf(one, now)[0]?.seq ?? 0 },
    { limit, maxAgeMs: 30 * 24 * hour },
    now,
  );

test("under the high-water mark and young: nothing goes", () => {
  assert.equal(plan(use(), { limit: 14_300, firstAgeMs: 0 }), undefined);
});

test("over the high-water mark the oldest goes, down to the low one", () => {
  assert.equal(plan(use(), { limit: 14_200, firstAgeMs: 0 }), 151);
});

test("the room that outcomes need is no room for history", () => {
  const open = { ...noOpenWork, tasks: 1, tokens: 1_000, bytesPerToken: 4 };
  const waits = use({ checkpoint: { ...use().checkpoint, open } });
  assert.equal(plan(waits, { limit: 20_000, firstAgeMs: 0 }), undefined);
  assert.equal(plan(waits, { limit: 15_000, firstAgeMs: 0 }), 181);
  // With no room left all goes that may go.
  assert.equal(plan(waits, { limit: 4_000, firstAgeMs: 0 }), 1_001);
});

test("never an unfinished request, nor what somebody has not read", () => {
  const small = { limit: 10_000, firstAgeMs: 0 };
  const open = (seq: number) => use({ oldestOpen: { seq, queue } });
  assert.equal(plan(open(1), small), undefined);
  assert.equal(plan(open(100), small), 100);
  const projections = [{ name: "archive", seq: 55, heardAt: now - 23 * hour }];
  assert.equal(plan(use({ projections }), small), 56);
  assert.equal(plan(use({ ...open(30), projections }), small), 30);
  const read = { ...use().checkpoint, seq: 70, bytes: 700 };
  assert.equal(plan(use({ checkpoint: read }), small), 71);
});

test("a step is a hundredth of the size at least", () => {
  const small = { limit: 10_000, firstAgeMs: 0 };
  const open = (seq: number) => use({ oldestOpen: { seq, queue } });
  assert.equal(plan(open(10), small), undefined);
  assert.equal(plan(open(12), small), 12);
});

test("what is over its age goes, a day later in however small a step", () => {
  const aged = (firstAgeMs: number, youngFrom: number, limit = 1_000_000) =>
    plan(use(), { limit, firstAgeMs, youngFrom });
  assert.equal(aged(30 * 24 * hour + 1, 500, 100_000), 500);
  assert.equal(aged(30 * 24 * hour + 1, 500), undefined);
  assert.equal(aged(31 * 24 * hour + 1, 500), 500);
  assert.equal(aged(31 * 24 * hour + 1, 1_001), 1_001);
  const waits = use({ oldestOpen: { seq: 200, queue } });
  assert.equal(
    plan(waits, { youngFrom: 500, firstAgeMs: 32 * 24 * hour }),
    200,
  );
});
