/** A task's times are the same in statistics, metrics, history and trace. */
import type { HistoryResponse, StatisticsResponse } from "@jetscribe/schema";
import { eventually, startOtlpReceiver, startStack } from "@jetscribe/testing";
import assert from "node:assert/strict";
import { test } from "vitest";
import { call, outcome, post, type Running } from "./client.ts";

/** Each in seconds. */
interface Times {
  wait: number;
  first_token: number;
  processing: number;
  total: number;
}

async function byStatistics(running: Running): Promise<Times> {
  const { body } = await call(running, "/statistics?step=3600");
  const { rows } = body as unknown as StatisticsResponse;
  const ofTask = rows.find(({ completed }) => completed === 1);
  const sum = (kind: keyof Times) => ofTask?.[kind]?.sum ?? NaN;
  return {
    ...{ wait: sum("wait"), first_token: sum("first_token") },
    ...{ processing: sum("processing"), total: sum("total") },
  };
}

async function byMetrics({ url, key }: Running): Promise<Times> {
  const headers = { "x-api-key": key };
  const response = await fetch(`${url}/metrics`, { headers });
  const text = await response.text();
  const sum = (name: string) =>
    Number(new RegExp(`^jetscribe_task_${name}_seconds_sum\\S* (\\S+)`, "m").exec(text)?.[1]); // prettier-ignore
  return {
    ...{ wait: sum("wait"), first_token: sum("time_to_first_token") },
    ...{ processing: sum("processing"), total: sum("total") },
  };
}

/** `apart`: by how much two clocks differ, in seconds. */
const same = (
  a: Partial<Times>,
  b: Partial<Times>,
  what: string,
  apart = 0,
) => {
  for (const [name, seconds] of Object.entries(a)) {
    const other = b[name as keyof Times] ?? NaN;
    // Float seconds since the epoch have steps of 0.2 µs, and spans' went through nanoseconds.
    const message = `${name} of ${what}: ${other} and ${seconds}`;
    assert.ok(Math.abs(seconds - other) < apart + 5e-6, message);
  }
};

test("a task for later has one wait, without the time before its not_before", async () => {
  await using receiver = await startOtlpReceiver();
  await using stack = await startStack({
    env: { ENGINE: "fake", FAKE_MS: "60", ...receiver.env },
  });
  const not_before = Date.now() / 1_000 + 10;
  const id = await post(stack, { not_before });
  const told = await outcome(stack, id);
  const metrics = told["metrics"] as Record<string, number>;

  const times = await eventually(async () => {
    const found = await byStatistics(stack);
    return !Number.isNaN(found.wait) && found;
  });
  const scraped = await eventually(async () => {
    const found = await byMetrics(stack);
    return !Number.isNaN(found.wait) && found;
  });
  same(times, scraped, "metrics");

  const { body } = await call(stack, `/tasks/${id}/events`);
  const { events, timing } = body as unknown as HistoryResponse;
  const seconds = (name: string) =>
    timing?.parts.find(({ part }) => part === name)?.seconds ?? 0;
  const [requested, started] = events;
  assert.ok(requested?.type === "GenerateRequested");
  assert.ok(started?.type === "GenerateStarted");
  const early = not_before - requested.data.enqueue_time;
  assert.ok(early > 0, "it was accepted before its not_before");
  same({ wait: (metrics["queue_wait_time"] ?? NaN) - early }, times, "result");
  const ofHistory = { wait: seconds("queue"), first_token: seconds("prompt") };
  // The frame of the history is the broker's clock: a worker's that is ahead tells a start later than it was stored.
  const ahead = Math.max(0, started.data.start_time - started.time);
  same(ofHistory, times, "history", ahead);
  same({ wait: started.data.start_time - not_before }, times, "events");
  const scheduled = not_before - requested.time;
  assert.ok(Math.abs(seconds("scheduled") - scheduled) < ahead + 5e-6);

  const spans = await eventually(() => {
    const own = receiver
      .spans()
      .filter(({ traceId }) => traceId === id.replaceAll("-", ""));
    const last = own.some(({ name }) => name === "decode");
    return last && own;
  });
  const lasted = (name: string) => {
    const span = spans.find((span) => span.name === name);
    return (span?.endTimeUnixNano ?? NaN) - (span?.startTimeUnixNano ?? NaN);
  };
  const processing = lasted("prefill") + lasted("decode");
  const ofTrace = { wait: lasted("queue"), first_token: lasted("prefill") };
  const total = ofTrace.wait + processing;
  same({ ...ofTrace, processing, total }, times, "trace");
});
