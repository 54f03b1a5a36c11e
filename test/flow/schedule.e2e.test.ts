/** A task that waits for its time: `not_before`. */
import { eventually, startStack } from "@jetscribe/testing";
import assert from "node:assert/strict";
import { test } from "vitest";
import { clockSlackMs } from "../chaos/rules/schedule.ts";
import { redisCommands } from "../chaos/wire/redis.ts";
import { call, outcome, post } from "./client.ts";
import { countOf, histories } from "./log.ts";

/** What a service's clock may be off the broker's. */
const clockSlackS = clockSlackMs / 1_000;

/** A time so many seconds ahead, as a caller writes it. */
const ahead = (seconds: number) =>
  new Date(Date.now() + seconds * 1_000).toISOString();

test("a task waits for its not_before in nobody's way, and starts then", async () => {
  await using stack = await startStack({
    env: { ENGINE: "fake", FAKE_MS: "1", SLOTS: "1" },
  });
  // The first task lets the gateway read what waits; it knows of none before.
  await outcome(stack, await post(stack));
  const seconds = 10;
  const not_before = ahead(seconds);
  const later = await post(stack, { not_before });
  const { body } = await call(stack, `/status/${later}`);
  const at = Date.parse(not_before) / 1_000;
  assert.deepEqual(
    [body["status"], body["not_before"], body["queue_position"]],
    ["queued", at, null],
  );
  const wait = Number(body["estimated_wait"]);
  assert.ok(wait > 0 && wait <= seconds + clockSlackS, String(wait));
  const next = await post(stack, { not_before: ahead(-60) });
  const first = await outcome(stack, next);
  assert.equal(first["status"], "completed");
  assert.ok(Date.now() / 1_000 < at, "the next task did not wait for it");
  const { body: status } = await call(stack, `/status/${next}`);
  assert.ok(!("not_before" in status));

  assert.equal((await outcome(stack, later))["status"], "completed");
  const log = await histories(stack.natsUrl);
  const [requested, started] = log.get(later) ?? [];
  assert.ok(requested?.type === "GenerateRequested");
  assert.ok(started?.type === "GenerateStarted");
  const { tasks_ahead, estimated_wait } = requested.data;
  assert.deepEqual([tasks_ahead, estimated_wait], [undefined, undefined]);
  assert.ok(started.data.start_time >= at);
  assert.ok(started.time >= at - clockSlackS);
  const [other] = log.get(next) ?? [];
  assert.ok(other?.type === "GenerateRequested");
  assert.deepEqual(other.data.tasks_ahead, { own: 0, others: 0 });
  const { body: history } = await call(stack, `/tasks/${later}/events`);
  const { parts } = history["timing"] as {
    parts: { part: string; seconds: number }[];
  };
  const secondsOf = (name: string) =>
    parts.find(({ part }) => part === name)?.seconds ?? 0;
  const scheduled = secondsOf("scheduled");
  const early = at - requested.time;
  assert.ok(early > 0, "it was stored before its not_before");
  assert.ok(Math.abs(scheduled - early) <= clockSlackS, `${scheduled}`);
  assert.ok(secondsOf("queue") < scheduled, String(secondsOf("queue")));
});

test("a scheduled task runs once after its worker, the results service and Redis died while it waited", async () => {
  await using stack = await startStack({
    env: { ENGINE: "fake", FAKE_MS: "1", ACK_WAIT: "5s" },
  });
  const at = Date.now() / 1_000 + 6;
  const ids = [
    await post(stack, { not_before: at }),
    await post(stack, { not_before: at + 1, lane: "batch" }),
  ];
  await stack.kill("inference");
  await stack.kill("results");
  await redisCommands(stack.redis.port, [["FLUSHALL"]]);
  await stack.restart("inference");
  await stack.restart("results");
  const late = await post(stack, { not_before: at });
  for (const id of [...ids, late])
    assert.equal((await outcome(stack, id))["status"], "completed");
  const log = await histories(stack.natsUrl);
  for (const id of [...ids, late]) {
    const events = log.get(id) ?? [];
    assert.equal(countOf(events, "GenerateStarted"), 1);
    const started = events.find(({ type }) => type === "GenerateStarted");
    assert.ok((started?.time ?? 0) >= at - clockSlackS);
  }
});

test("a task is cancelled, and ended by its times, while it waits for its not_before or after it", async () => {
  await using stack = await startStack({
    env: { ENGINE: "fake", FAKE_MS: "60000", FAKE_TOKENS: "600", SLOTS: "1" },
  });
  const blocker = await post(stack, { max_tokens: 600 });
  const cancelled = await post(stack, { not_before: ahead(600) });
  const hurried = await post(stack, {
    ...{ not_before: ahead(1), cancel_after_ms: 1_500 },
  });
  const expired = await post(stack, {
    ...{ not_before: ahead(1), start_timeout_ms: 500 },
  });
  const { status } = await call(stack, `/cancel/${cancelled}`, {
    method: "POST",
  });
  assert.equal(status, 200);
  const ends = await Promise.all(
    [cancelled, hurried, expired].map((id) => outcome(stack, id)),
  );
  assert.deepEqual(
    ends.map((end) => end["error_type"] ?? end["status"]),
    ["cancelled", "cancelled", "ExpiredError"],
  );
  const { body } = await call(stack, `/status/${expired}`);
  // Left out where it was over when the task was accepted.
  const from = Number(body["not_before"] ?? body["enqueue_time"]);
  const waitedS = Number(body["end_time"]) - from;
  assert.ok(waitedS >= 0.5, "start_timeout_ms counts from not_before on");
  const isListed = await eventually(async () => {
    const { body } = await call(stack, "/tasks?status=queued,processing");
    const tasks = body["tasks"] as { task_id: string }[];
    return tasks.length === 1 && tasks[0]?.task_id === blocker;
  });
  assert.ok(isListed);
});

test("a time beyond half of EVENTS_MAX_AGE is refused by its name", async () => {
  await using stack = await startStack({
    env: { ENGINE: "fake", EVENTS_MAX_AGE: "2h", START_TIMEOUT: "10m" },
  });
  const refused = async (fields: object) => {
    const { status, body } = await call(stack, "/generate", {
      method: "POST",
      body: JSON.stringify({ prompt: "p", ...fields }),
    });
    assert.equal(status, 400);
    const [error] = body["errors"] as { field: string; message: string }[];
    return { ...error, limit: body["limit"] };
  };
  const far = await refused({ not_before: ahead(3_600) });
  assert.equal(far.field, "not_before");
  assert.match(far.message ?? "", /EVENTS_MAX_AGE/);
  assert.deepEqual(far.limit, { name: "EVENTS_MAX_AGE", value: 7_200_000 });
  await refused({ not_before: ahead(3_200), start_timeout_ms: 600_000 });
  await refused({ not_before: ahead(60), cancel_after_ms: 30_000 });
  await refused({ not_before: "2026-12-01T02:00:00" });
  await post(stack, { not_before: ahead(2_900), start_timeout_ms: 600_000 });
  const log = await histories(stack.natsUrl);
  assert.equal(log.size, 1);
});
