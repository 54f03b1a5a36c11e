import fc from "fast-check";
import assert from "node:assert/strict";
import { test } from "vitest";
import { Metrics } from "./events.ts";
import {
  durationsOf,
  metricsOf,
  waitsFrom,
  type TaskTimes,
} from "./metrics.ts";

/** Seconds since the epoch, up to the finest step that a float has there. */
const time = fc.double({ min: 1e9, max: 4e9, noNaN: true });
const maybeTime = fc.option(time, { nil: undefined });
const count = fc.nat();

/** Any times in any order: several clocks are involved. */
const times: fc.Arbitrary<TaskTimes> = fc.record({
  enqueue: time,
  firstStart: maybeTime,
  firstToken: maybeTime,
  outcome: time,
});

test("a task's metrics", () => {
  const life = {
    enqueue: 100,
    firstStart: 102.5,
    firstToken: 103,
    outcome: 108,
  };
  assert.deepEqual(metricsOf(life, 50, 200), {
    queue_wait_time: 2.5,
    processing_time: 5.5,
    total_time: 8,
    prompt_tokens: 50,
    completion_tokens: 200,
    tokens_per_second: 200 / 5.5,
    time_to_first_token: 0.5,
  });
});

test("a task that never started only waited, until its outcome", () => {
  const metrics = metricsOf({ enqueue: 100, outcome: 160 }, 0, 0);
  assert.deepEqual(metrics, {
    queue_wait_time: 60,
    processing_time: 0,
    total_time: 60,
    prompt_tokens: 0,
    completion_tokens: 0,
    tokens_per_second: 0,
  });
});

test("a task waits for a worker from its not_before on, if that is later than its acceptance", () => {
  assert.equal(waitsFrom({ enqueue_time: 100 }), 100);
  assert.equal(waitsFrom({ enqueue_time: 100, not_before: 99 }), 100);
  assert.equal(waitsFrom({ enqueue_time: 100, not_before: 160 }), 160);
  const life = { enqueue: 100, firstStart: 162.5, outcome: 168 };
  const metrics = metricsOf({ ...life, firstToken: 163 }, 50, 200);
  const started = { scheduledS: 60, wasStarted: true };
  const wait = { wait: 2.5, first_token: 0.5, processing: 5.5, total: 8 };
  assert.deepEqual(durationsOf(metrics, started), wait);
  const early = metricsOf({ enqueue: 100, outcome: 130 }, 0, 0);
  const never = { scheduledS: 60, wasStarted: false };
  const none = { wait: undefined, first_token: undefined };
  assert.deepEqual(durationsOf(early, never), {
    ...{ ...none, processing: undefined, total: 0 },
  });
});

test("whatever the clocks say, nothing is negative and the total is the exact sum", () => {
  fc.assert(
    fc.property(times, count, count, (times, prompt, completion) => {
      const metrics = metricsOf(times, prompt, completion);
      assert.deepEqual(Metrics.parse(metrics), metrics);
      const { queue_wait_time, processing_time, total_time } = metrics;
      assert.equal(total_time, queue_wait_time + processing_time);
      if (processing_time > 0)
        assert.equal(metrics.tokens_per_second, completion / processing_time);
      else assert.equal(metrics.tokens_per_second, 0);
      const ran = times.firstStart !== undefined;
      const spoke = ran && times.firstToken !== undefined;
      assert.equal("time_to_first_token" in metrics, spoke);
      if (!ran) assert.equal(processing_time, 0);
    }),
  );
});
