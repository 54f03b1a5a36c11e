import fc from "fast-check";
import assert from "node:assert/strict";
import { test } from "vitest";
import type { RecordedEvent, TaskEvent } from "./events.ts";
import { TaskTiming } from "./timing.ts";
import { timingOf } from "./timingOf.ts";
import {
  cancelled,
  metrics,
  reasons,
  requested,
  retried,
  started,
  task_id,
} from "../../test/generateTestKit.ts";
import * as events from "../../test/taskEventsTestKit.ts";

/** Seconds, by clocks that know nothing of each other. */
const time = fc.double({ min: 0, max: 2e9, noNaN: true });
const attempt = fc.integer({ min: 1, max: 4 });
const firstToken = fc.option(time, { nil: undefined });

/** Anything at all that may stand in the log of a task, after its request. */
const event: fc.Arbitrary<TaskEvent> = fc.oneof(
  fc.tuple(attempt, time).map(([n, at]) => started(n, at)),
  fc
    .tuple(attempt, fc.constantFrom(...reasons))
    .map(([n, reason]) => retried(n, reason)),
  fc.tuple(attempt, firstToken).map(([n, time_to_first_token]) =>
    events.completed(task_id, n, {
      metrics: {
        ...metrics,
        ...(time_to_first_token !== undefined && { time_to_first_token }),
      },
    }),
  ),
  fc.constant(cancelled),
);
const request: fc.Arbitrary<TaskEvent> = fc
  .record(
    { received_time: time, enqueue_time: time, not_before: time },
    { requiredKeys: [] },
  )
  .map((times) => ({ ...requested, data: { ...requested.data, ...times } }));
const stored = (of: fc.Arbitrary<TaskEvent>) => fc.tuple(of, time);
const log = fc
  .tuple(stored(request), fc.array(stored(event), { maxLength: 12 }))
  .map(([first, rest]): RecordedEvent[] =>
    [first, ...rest].map(([event, time], i) => ({
      ...event,
      seq: i + 1,
      time,
    })),
  );
const now = fc.option(time, { nil: undefined });

test("whatever clocks say, no part is negative, and the parts are exactly the total, one after the other", () => {
  fc.assert(
    fc.property(log, now, (events, now) => {
      const timing = timingOf(events, now);
      assert.ok(timing);
      TaskTiming.parse(timing);
      let total = 0;
      let at = timing.start;
      let last = 1;
      for (const { start, seconds, attempt } of timing.parts) {
        assert.ok(seconds >= 0);
        assert.ok(Math.abs(start - at) < 1e-6, "a gap");
        assert.ok(attempt >= last, "an attempt before the one before it");
        total += seconds;
        at = start + seconds;
        last = attempt;
      }
      assert.equal(timing.total, total);
      if (timing.end !== null) assert.ok(Math.abs(timing.end - at) < 1e-6);
    }),
    { numRuns: 2_000 },
  );
});

test("where all clocks agree, the parts are what lies between the events", () => {
  const steps = fc.array(fc.nat(1_000), { minLength: 5, maxLength: 5 });
  fc.assert(
    fc.property(steps, (steps) => {
      const [inGateway = 0, waits = 0, reads = 0, writes = 0, more = 0] = steps;
      const start = 1_000_000;
      const begins = start + inGateway + waits;
      const ends = begins + reads + writes;
      const data = { ...requested.data, enqueue_time: start };
      const time_to_first_token = reads;
      const events: RecordedEvent[] = [
        { ...requested, data, seq: 1, time: start + inGateway },
        { ...started(1, begins), seq: 2, time: begins + more },
        {
          ...completedAfter(time_to_first_token),
          ...{ seq: 3, time: ends },
        },
      ];
      const timing = timingOf(events);
      assert.deepEqual(
        timing?.parts.map(({ seconds }) => seconds),
        [inGateway, waits, reads, writes],
      );
      assert.equal(timing.total, ends - start);
    }),
  );
});

const completedAfter = (time_to_first_token: number) =>
  events.completed(task_id, 1, {
    metrics: { ...metrics, time_to_first_token },
  });
