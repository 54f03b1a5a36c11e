import { makeMetrics } from "@jetscribe/runtime/metrics";
import {
  evolve,
  newTaskId,
  type TaskEvent,
  type TaskState,
} from "@jetscribe/schema";
import {
  cancelled,
  completed,
  failed,
  metrics as usual,
  requested,
  retried,
  started,
} from "@jetscribe/schema/test/taskEventsTestKit";
import assert from "node:assert/strict";
import { test } from "vitest";
import { projectTasks } from "../projection/projectTasks.ts";
import { makeTaskMetrics } from "./taskMetrics.ts";

const given = "0af7651916cd43dd8448eb211c80319c";

/** Projects batches of events; each event may have a trace. */
function project(...batches: (TaskEvent & { trace?: string })[][]) {
  const metrics = makeMetrics();
  const noted = makeTaskMetrics(metrics);
  const states = new Map<string, TaskState | undefined>();
  let seq = 0;
  for (const batch of batches) {
    const events = batch.map(({ trace: _, ...event }) => ({
      ...event,
      seq: ++seq,
      time: 100 + seq,
    }));
    const messages = batch.map(({ trace }, i) => ({
      seq: events[i]!.seq,
      header: () =>
        trace === undefined ? "" : `00-${trace}-b7ad6b7169203331-01`,
    }));
    const before = new Map(
      events.map(({ data }) => [data.task_id, states.get(data.task_id)]),
    );
    const changes = projectTasks(before, events);
    for (const event of events)
      states.set(
        event.data.task_id,
        evolve(states.get(event.data.task_id), event),
      );
    noted.note({ changes, events, messages });
  }
  return async () => await metrics.text();
}

const valueOf = (text: string, name: string, labels = "") => {
  const line = text
    .split("\n")
    .find((line) => line.startsWith(name) && line.includes(labels));
  return line === undefined ? undefined : Number(/\} (\S+)/.exec(line)?.[1]);
};

test("a task counts once: accepted, ended, by its tokens and times", async () => {
  const id = newTaskId();
  const metrics = {
    ...usual,
    time_to_first_token: 1,
    drafted_tokens: 8,
    accepted_tokens: 6,
  };
  const end = completed(id, 1, { metrics, cached_tokens: 20 });
  const read = project([requested(id)], [started(id), end], [end]);
  const text = await read();
  const of = (name: string, labels = "") =>
    valueOf(text, `jetscribe_${name}`, labels);
  assert.equal(of("tasks_accepted_total"), 1);
  assert.equal(of("tasks_finished_total", 'status="completed"'), 1);
  assert.equal(of("tasks_finished_total", 'status="failed"'), 0);
  assert.equal(of("prompt_tokens_total"), 50);
  assert.equal(of("completion_tokens_total"), 200);
  assert.equal(of("prompt_cached_tokens_total"), 20);
  assert.equal(of("drafted_tokens_total"), 8);
  assert.equal(of("drafted_accepted_tokens_total"), 6);
  assert.equal(of("task_wait_seconds_sum"), 2);
  assert.equal(of("task_time_to_first_token_seconds_sum"), 1);
  assert.equal(of("task_processing_seconds_sum"), 5);
  assert.equal(of("task_total_seconds_sum"), 7);
  assert.equal(of("task_total_seconds_bucket", 'le="5"'), 0);
  assert.equal(of("task_total_seconds_bucket", 'le="10"'), 1);
  const genAi = (name: string) =>
    valueOf(text, `gen_ai_server_${name}_seconds_sum`);
  assert.equal(genAi("request_duration"), 7);
  assert.equal(genAi("time_to_first_token"), 3);
  assert.equal(genAi("time_per_output_token"), 4 / 199);
});

test("one batch may hold a whole life, and lives of others", async () => {
  const ids = [newTaskId(), newTaskId()];
  const read = project(
    ids.flatMap((id) => [requested(id), started(id), completed(id)]),
  );
  const text = await read();
  assert.equal(valueOf(text, "jetscribe_tasks_accepted_total"), 2);
  assert.equal(valueOf(text, "jetscribe_task_total_seconds_count"), 2);
});

test("failures count by type, retries by reason", async () => {
  const id = newTaskId();
  const read = project(
    [requested(id), started(id)],
    [retried(id, 1, { reason: "hang" })],
    [started(id, 2), failed(id, 2)],
  );
  const text = await read();
  assert.equal(
    valueOf(text, "jetscribe_task_retries_total", 'reason="hang"'),
    1,
  );
  assert.equal(
    valueOf(text, "jetscribe_task_retries_total", 'reason="crash"'),
    0,
  );
  assert.equal(valueOf(text, "jetscribe_task_errors_total", "TimeoutError"), 1);
  assert.equal(
    valueOf(text, "jetscribe_task_errors_total", "WorkerCrashed"),
    0,
  );
  const duration = "gen_ai_server_request_duration_seconds_count";
  assert.equal(valueOf(text, duration, 'error_type="TimeoutError"'), 1);
  assert.equal(valueOf(text, "jetscribe_task_total_seconds_count"), undefined);
});

test("the time before not_before is no wait; a task that never ran has none", async () => {
  const [scheduled, never] = [newTaskId(), newTaskId()];
  const [enqueue_time, not_before] = [1_000, 1_001.5];
  const read = project([
    requested(scheduled, { enqueue_time, not_before }),
    started(scheduled),
    completed(scheduled),
    requested(never),
    cancelled(never),
  ]);
  const text = await read();
  assert.equal(valueOf(text, "jetscribe_task_wait_seconds_sum"), 0.5);
  assert.equal(valueOf(text, "jetscribe_task_wait_seconds_count"), 1);
  assert.equal(valueOf(text, "jetscribe_task_total_seconds_sum"), 5.5);
  const status = 'status="cancelled"';
  assert.equal(valueOf(text, "jetscribe_tasks_finished_total", status), 1);
});

test("an exemplar is the caller's trace, else the task's id", async () => {
  const [own, others] = [newTaskId(), newTaskId()];
  const traced = { ...completed(others), trace: given };
  const lives = (id: string) => [requested(id), started(id)];
  const both = [...lives(own), ...lives(others)];
  const exemplar = async (
    last: TaskEvent & { trace?: string },
    first: TaskEvent,
  ) => {
    const next = requested(newTaskId());
    const text = await project(both, [first], [next, last])();
    return /wait_seconds_bucket.*trace_id="(\w+)"/.exec(text)?.[1];
  };
  assert.equal(await exemplar(traced, completed(own)), given);
  assert.equal(await exemplar(completed(own), traced), own.replaceAll("-", ""));
});

test("models and lanes are told apart by the slug that subjects have", async () => {
  const [one, other] = [newTaskId(), newTaskId()];
  const read = project([
    requested(one, { model: "Demo 7B", lane: "batch" }),
    requested(other),
  ]);
  const text = await read();
  const name = "jetscribe_tasks_accepted_total";
  assert.equal(valueOf(text, name, 'model="demo-7b",lane="batch"'), 1);
  assert.equal(valueOf(text, name, 'model="demo",lane="interactive"'), 1);
});

test("both lanes of a model are one series where the conventions name no lane", async () => {
  const lanes = (["interactive", "batch", "interactive"] as const).map(
    (lane) => {
      const id = newTaskId();
      return [requested(id, { lane }), started(id), completed(id)];
    },
  );
  const text = await project(...lanes)();
  const name = "gen_ai_server_request_duration_seconds_count";
  assert.equal(valueOf(text, name), 3);
  const own = "jetscribe_task_total_seconds_count";
  assert.equal(valueOf(text, own, 'lane="batch"'), 1);
});
