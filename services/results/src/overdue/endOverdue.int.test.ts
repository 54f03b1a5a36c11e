import { AppendError } from "@jetscribe/event-log/append/append";
import { makeTaskStates } from "@jetscribe/event-log/state/taskStates";
import { makeTraceparentOf } from "@jetscribe/runtime";
import { isOpen, newTaskId, type TaskEvent } from "@jetscribe/schema";
import { eventually } from "@jetscribe/testing";
import assert from "node:assert/strict";
import { test } from "vitest";
import { endOverdue } from "./endOverdue.ts";
import {
  openReader,
  openWriter,
  requested,
  retried,
  servers,
  started,
  startResults,
} from "../../test/resultsTestKit.ts";

const hourAgo = Date.now() / 1_000 - 3_600;

/** As it was an hour ago. */
function anHourAgo(event: TaskEvent): TaskEvent {
  if (event.type === "GenerateRequested") event.data.enqueue_time = hourAgo;
  if (event.type === "GenerateStarted") event.data.start_time = hourAgo;
  return event;
}

test("a task that was started ends a minute after its time: one that runs, and one that was handed back and waits behind others", async () => {
  await using on = await servers();
  await using writer = await openWriter(on.nats.url);
  await using redis = await openReader(on.redis.url);
  const [first, waits, runs] = [newTaskId(), newTaskId(), newTaskId()];
  const longWait = requested(first);
  assert.ok(longWait.type === "GenerateRequested");
  longWait.data.start_timeout_ms = 15 * 86_400_000;
  await writer.append(longWait);
  for (const id of [waits, runs])
    for (const event of [requested(id), started(id)]) {
      if (event.type === "GenerateRequested")
        event.data.start_timeout_ms = 15 * 86_400_000;
      await writer.append(anHourAgo(event));
    }
  await writer.append(retried(waits));
  await using _results = startResults(on);
  const ended = async () => {
    const { tasks } = await redis.reader.look([first, waits, runs]);
    return tasks.map((task) =>
      task?.status === "failed" ? task.error.type : task?.status,
    );
  };
  await eventually(
    async () =>
      assert.deepEqual(await ended(), [
        ...["queued", "TimeoutError", "TimeoutError"],
      ]) ?? true,
  );
  assert.equal(await redis.reader.overdue(Date.now() / 1_000), 0);
});

test("a task whose cancel_after_ms is over is cancelled: one that waits for very long, one that was handed back, and one that its worker does not end", async () => {
  await using on = await servers();
  await using writer = await openWriter(on.nats.url);
  await using redis = await openReader(on.redis.url);
  const ids = [newTaskId(), newTaskId(), newTaskId(), newTaskId()] as const;
  const [, handedBack, runs, longer] = ids;
  const traceparent = "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01";
  for (const id of ids)
    await writer.append(
      requested(id, {
        traceparent,
        cancel_after_ms: id === longer ? 60_000 : 2_000,
        start_timeout_ms: 1_800_000,
      }),
    );
  for (const event of [started(handedBack), retried(handedBack), started(runs)])
    await writer.append(event);
  // Now, or it could cancel a task before the task is started.
  await using _results = startResults(on, { EVENTS_MAX_AGE: "1h" });
  const looked = async () => (await redis.reader.look(ids)).tasks;
  const tasks = await eventually(async () => {
    const tasks = await looked();
    const hurried = tasks.slice(0, 3);
    return hurried.every((task) => task?.status === "cancelled") && tasks;
  });
  assert.deepEqual(
    tasks.map((task) => task?.status),
    ["cancelled", "cancelled", "cancelled", "queued"],
  );
  const ends = tasks.slice(0, 3).map((task) => {
    assert.ok(task?.status === "cancelled");
    assert.match(task.reason ?? "", /cancel_after_ms/);
    return task.end_time - task.enqueue_time;
  });
  // The worker of the one that runs has some time to do it itself.
  for (const [i, atS] of [2, 2, 7].entries())
    assert.ok((ends[i] ?? 0) > atS - 0.5, ends.join(", "));
  const { jsm, streams } = writer.broker;
  for (const task of tasks.slice(0, 3)) {
    assert.ok(task?.status === "cancelled");
    const at = { seq: task.end_seq };
    const outcome = await jsm.streams.getMessage(streams.events, at);
    assert.equal(outcome?.header.get("ce-traceparent"), traceparent);
  }
  assert.equal(await redis.reader.overdue(Date.now() / 1_000), 0);
});

test("tasks that can't be ended stop no other, and are told once", async () => {
  await using on = await servers();
  await using writer = await openWriter(on.nats.url);
  await using redis = await openReader(on.redis.url);
  // No projection that ends them meanwhile: it is stopped once it has them.
  await using results = startResults(on, { EVENTS_MAX_AGE: "1h" });
  const ids = Array.from({ length: 150 }, newTaskId);
  let last = 0;
  for (const id of ids) {
    const event = requested(id);
    assert.ok(event.type === "GenerateRequested");
    // They may wait so long that they stand in their queue only, in order.
    event.data.start_timeout_ms = 1_800_000;
    last = await writer.append(event);
  }
  const projected = async () =>
    ((await redis.reader.look([])).checkpoint?.seq ?? 0) >= last;
  await eventually(projected);
  await results.kill();
  const ended = new Set<string>();
  const errors: unknown[] = [];
  const failing = new Set(ids.slice(0, 80));
  const others = new Set(ids.slice(80));
  const over = new AbortController();
  const { look } = endOverdue({
    broker: writer.broker,
    // All are past their time.
    clock: { nowS: () => Date.now() / 1_000 + 3_600, isRead: () => true },
    reader: redis.reader,
    states: makeTaskStates(writer.broker, redis.reader),
    traceparentOf: makeTraceparentOf(undefined),
    workers: { all: () => [] },
    appender: {
      append({ data }) {
        if (failing.has(data.task_id))
          throw new AppendError("refused", "it doesn't fit");
        ended.add(data.task_id);
        // What it ended stays open here, since nothing is stored: one round is what is looked at.
        if (ended.size === others.size) over.abort();
        return Promise.resolve({ seq: 1, duplicate: false });
      },
    },
    log: {
      warn: () => undefined,
      error: (facts: unknown) => void errors.push(facts),
    },
  });
  await look(over.signal);
  await look(over.signal);
  assert.deepEqual(ended, others);
  assert.equal(errors.length, failing.size);
  const { tasks } = await redis.reader.look(ids);
  assert.ok(tasks.every((task) => task !== undefined && isOpen(task)));
});
