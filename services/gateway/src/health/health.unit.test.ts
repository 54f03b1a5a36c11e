import type { WorkerAnnouncement } from "@jetscribe/schema";
import assert from "node:assert/strict";
import { test } from "vitest";
import { makeHealth } from "./health.ts";

const worker: WorkerAnnouncement = {
  ...{ worker_id: "w", model: "Demo", engine: "fake", model_loaded: true },
  ...{ slots: 1, tasks: [], every_ms: 2_000 },
};

/** With so many tasks that are past their time by more than a results service takes to end them. */
const healthWith = (late: number, projecting = true, away: string[] = []) =>
  makeHealth(
    { connected: true },
    {
      ping: () => Promise.resolve(),
      waits: () => Promise.resolve([]),
      overdue: (at) => Promise.resolve(at === 990 ? late : -1),
    },
    { all: () => [worker] },
    {
      clock: { nowS: () => 1_000 },
      clashes: { known: () => new Map() },
      room: { full: () => undefined, held: () => undefined },
      projections: {
        all: () => [],
        away: () => away,
        projecting: () => projecting,
      },
      storing: { ok: () => true, trouble: () => undefined },
    },
  )();

test("open tasks that nobody ended in their time are counted, and make the system degraded", async () => {
  const { status, overdue } = await healthWith(2);
  assert.deepEqual([status, overdue], ["degraded", 2]);
});

test("without any, or while the projection is away and can't say, nothing is overdue", async () => {
  for (const health of [await healthWith(0), await healthWith(2, false)]) {
    assert.equal(health.status, "healthy");
    assert.ok(!("overdue" in health));
  }
});

test("a service that is away makes the system degraded, by name", async () => {
  const { status, away } = await healthWith(0, true, ["logger"]);
  assert.deepEqual([status, away], ["degraded", ["logger"]]);
  assert.ok(!("away" in (await healthWith(0))));
});
