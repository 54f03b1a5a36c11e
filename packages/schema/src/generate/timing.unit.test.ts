import assert from "node:assert/strict";
import { test } from "vitest";
import type { RecordedEvent, TaskEvent } from "./events.ts";
import type { TaskTiming } from "./timing.ts";
import { timingOf } from "./timingOf.ts";
import {
  cancelled,
  completed,
  metrics,
  requested,
  retried,
  started,
  task_id,
} from "../../test/generateTestKit.ts";
import * as events from "../../test/taskEventsTestKit.ts";

/** Events at the times at which the broker stored them. */
const at = (...stored: [number, TaskEvent][]): RecordedEvent[] =>
  stored.map(([time, event], i) => ({ ...event, seq: i + 1, time }));
const completedWith = (attempt: number, time_to_first_token: number) =>
  events.completed(task_id, attempt, {
    metrics: { ...metrics, time_to_first_token },
  });
/** Each part with its attempt and its seconds. */
const partsOf = (timing: TaskTiming | undefined) =>
  timing?.parts.map(({ part, attempt, seconds }) => [part, attempt, seconds]);

test("the time of a task goes to gateway, queue, prompt and generation", () => {
  const timing = timingOf(
    at([1_001, requested], [1_010, started(1, 1_009)], [1_020, completedWith(1, 4)]), // prettier-ignore
  );
  assert.deepEqual(timing, {
    start: 1_000,
    end: 1_020,
    total: 20,
    parts: [
      { part: "gateway", attempt: 1, start: 1_000, seconds: 1 },
      { part: "queue", attempt: 1, start: 1_001, seconds: 8 },
      {
        ...{ part: "prompt", attempt: 1, worker_id: "w1" },
        ...{ start: 1_009, seconds: 4 },
      },
      {
        ...{ part: "generation", attempt: 1, worker_id: "w1" },
        ...{ start: 1_013, seconds: 7 },
      },
    ],
    tasks_ahead: null,
    projection: null,
  });
});

test("a call that took its time to come in begins when it came, and says what was ahead", () => {
  const data = {
    ...requested.data,
    ...{ received_time: 998, tasks_ahead: { own: 3, others: 4 } },
  };
  const timing = timingOf(at([1_001, { ...requested, data }]));
  assert.deepEqual(timing?.tasks_ahead, { own: 3, others: 4 });
  assert.deepEqual([timing.start, partsOf(timing)], [998, [["gateway", 1, 3]]]);
});

test("each attempt has its own parts, and its first token is told only where it is known", () => {
  const life = at(
    [1_000, requested],
    [1_002, started(1, 1_002)],
    [1_010, retried(1, "crash")],
    [1_013, started(2, 1_013)],
    [1_020, completedWith(2, 13)],
  );
  assert.deepEqual(partsOf(timingOf(life)), [
    ["gateway", 1, 0],
    ["queue", 1, 2],
    ["running", 1, 8],
    ["queue", 2, 3],
    ["prompt", 2, 2],
    ["generation", 2, 5],
  ]);
  // Where the text of the first attempt was kept, its first token is the one that counts.
  const kept = [...life.slice(0, 4), ...at([1_020, completedWith(2, 3)])];
  assert.deepEqual(partsOf(timingOf(kept))?.slice(2), [
    ["prompt", 1, 3],
    ["generation", 1, 5],
    ["queue", 2, 3],
    ["running", 2, 7],
  ]);
});

test("a first token that a worker's clock tells before or behind what the broker stored is the attempt's all the same", () => {
  const soon = at([1_000, requested], [1_002, started(1, 1_002)], [1_004, completedWith(1, 2.5)]); // prettier-ignore
  assert.deepEqual(partsOf(timingOf(soon))?.slice(2), [
    ["prompt", 1, 2],
    ["generation", 1, 0],
  ]);
  const early = at([1_000, requested], [1_002, started(1, 999)], [1_004, completedWith(1, 0.5)]); // prettier-ignore
  assert.deepEqual(partsOf(timingOf(early))?.slice(2), [
    ["prompt", 1, 0],
    ["generation", 1, 4],
  ]);
});

test("a task that ends without a start only waited, also after an attempt", () => {
  const waited = at([1_000, requested], [1_030, cancelled]);
  assert.deepEqual(partsOf(timingOf(waited)), [
    ["gateway", 1, 0],
    ["queue", 1, 30],
  ]);
  const again = at(
    [1_000, requested],
    [1_002, started(1, 1_002)],
    [1_010, retried(1, "drain")],
    [1_030, cancelled],
  );
  assert.deepEqual(partsOf(timingOf(again))?.at(-1), ["queue", 2, 20]);
});

test("the wait for not_before is told apart from the queue", () => {
  const later = {
    ...requested,
    data: { ...requested.data, not_before: 1_060 },
  } as typeof requested;
  const life = at([1_000, later], [1_063, started(1, 1_062)], [1_070, cancelled]); // prettier-ignore
  const parts = partsOf(timingOf(life));
  assert.deepEqual(parts?.slice(1, 3), [
    ["scheduled", 1, 60],
    ["queue", 1, 2],
  ]);
  const early = at([1_000, later], [1_030, cancelled]);
  assert.deepEqual(partsOf(timingOf(early))?.slice(1), [["scheduled", 1, 30]]);
  const waits = partsOf(timingOf(at([1_000, later]), 1_065));
  assert.deepEqual(waits?.slice(1), [
    ["scheduled", 1, 60],
    ["queue", 1, 5],
  ]);
  const again = at([1_000, later], [1_010, started(1, 1_010)], [1_020, retried(1, "drain")], [1_030, cancelled]); // prettier-ignore
  assert.deepEqual(partsOf(timingOf(again))?.at(-1), ["queue", 2, 10]);
});

test("an open task's last part goes on until now, and what follows its outcome counts for nothing", () => {
  const open = at([1_000, requested], [1_002, started(1, 1_002)]);
  const timing = timingOf(open, 1_005);
  assert.deepEqual(partsOf(timing)?.at(-1), ["running", 1, 3]);
  assert.deepEqual([timing?.end, timing?.total], [null, 5]);
  assert.equal(timingOf(open)?.total, 2);
  const ended = [...open, ...at([1_009, completed(1)], [1_050, cancelled])];
  assert.equal(timingOf(ended, 2_000)?.end, 1_009);
});

test("of events without the request there is no timing", () => {
  assert.equal(timingOf(at([1_002, started(1)])), undefined);
});
