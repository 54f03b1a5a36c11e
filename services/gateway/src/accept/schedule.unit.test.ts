import { GenerateRequest } from "@jetscribe/schema";
import assert from "node:assert/strict";
import { test } from "vitest";
import { ApiError } from "../apiError.ts";
import { scheduleOf } from "./schedule.ts";

/** Of a system without START_TIMEOUT: a task may wait as long as the log allows. */
const limits = { startTimeoutMs: 1_000_000, longestWaitMs: 1_000_000 };
const now = 1_700_000_000;
type Asked = Parameters<typeof scheduleOf>[0];
const scheduled = (asked: Asked, of = limits) => scheduleOf(asked, of, now);
const refused = (asked: Asked, of = limits): ApiError => {
  try {
    scheduled(asked, of);
  } catch (error) {
    if (error instanceof ApiError) return error;
  }
  return assert.fail("it was not refused");
};

test("a time that is over means at once", () => {
  for (const not_before of [now, now - 1, 0])
    assert.deepEqual(scheduled({ not_before }), {
      start_timeout_ms: 1_000_000,
    });
  assert.deepEqual(scheduled({}), { start_timeout_ms: 1_000_000 });
});

test("a task that names no time to be started in has what the log leaves it, and a minute at least", () => {
  const not_before = now + 400;
  assert.deepEqual(scheduled({ not_before }), {
    ...{ not_before, start_timeout_ms: 600_000 },
  });
  const short = { ...limits, startTimeoutMs: 5_000 };
  assert.deepEqual(scheduled({ not_before }, short), {
    ...{ not_before, start_timeout_ms: 5_000 },
  });
  assert.ok(scheduled({ not_before: now + 940 }));
  const { facts } = refused({ not_before: now + 941 });
  assert.deepEqual(facts.limit, { name: "EVENTS_MAX_AGE", value: 2_000_000 });
  assert.match(facts.fields?.[0]?.message ?? "", /^at most 940 s ahead/);
});

test("not_before and start_timeout_ms together stay within half of EVENTS_MAX_AGE", () => {
  const start_timeout_ms = 300_000;
  assert.deepEqual(scheduled({ not_before: now + 700, start_timeout_ms }), {
    ...{ not_before: now + 700, start_timeout_ms },
  });
  const { code, facts } = refused({ not_before: now + 701, start_timeout_ms });
  assert.equal(code, "invalid_request");
  assert.equal(facts.fields?.[0]?.field, "not_before");
  assert.match(facts.fields[0].message, /^at most 700 s ahead/);
});

test("a deadline before the time is refused: the task would never be started", () => {
  const not_before = now + 100;
  assert.ok(scheduled({ not_before, cancel_after_ms: 100_001 }));
  const { facts } = refused({ not_before, cancel_after_ms: 100_000 });
  assert.equal(facts.fields?.[0]?.field, "cancel_after_ms");
  assert.ok(scheduled({ not_before: now, cancel_after_ms: 1 }));
});

test("a time is written as RFC 3339 with its zone, or as seconds since the epoch", () => {
  const timeOf = (not_before: unknown) =>
    GenerateRequest.safeParse({ prompt: "p", not_before }).data?.not_before;
  const moment = 1_796_086_800.25;
  for (const same of [
    "2026-12-01T02:20:00.250+01:00",
    "2026-12-01T01:20:00.25Z",
    "2026-11-30T15:20:00.2500-10:00",
    moment - 3_600 + 3_600,
  ])
    if (typeof same === "string") assert.equal(timeOf(same), 1_796_088_000.25);
    else assert.equal(timeOf(same), moment);
  for (const other of [
    ...["2026-12-01T02:20:00", "2026-12-01", "tomorrow", "", "1796086800"],
    ...[-1, 1e12, NaN, true, {}, ["2026-12-01T02:20:00Z"]],
  ])
    assert.equal(timeOf(other), undefined, JSON.stringify(other));
});
