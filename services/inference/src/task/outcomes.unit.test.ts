import {
  eventTypes,
  evolve,
  newTaskId,
  type TaskState,
} from "@jetscribe/schema";
import assert from "node:assert/strict";
import { test } from "vitest";
import { EngineDied } from "../engine/engine.ts";
import {
  completed,
  crashedTooOften,
  failed,
  retried,
  started,
} from "./outcomes.ts";

function processing(): TaskState {
  const requested = evolve(undefined, {
    type: "GenerateRequested",
    data: {
      task_id: newTaskId(),
      model: "demo",
      lane: "interactive",
      owner: "default",
      prompt: "x",
      params: { max_tokens: 1, temperature: 0, top_p: 1 },
      timeout_ms: 1_000,
      start_timeout_ms: 1_000,
      enqueue_time: 100,
    },
    seq: 1,
    time: 100,
  });
  assert.ok(requested);
  const start = started(requested, 1, "w", 102.5);
  const task = evolve(requested, { ...start, seq: 2, time: 102.5 });
  assert.ok(task);
  return task;
}

const result = {
  text: "y",
  finishReason: "length" as const,
  promptTokens: 7,
  completionTokens: 20,
  cachedTokens: 3,
  seed: 9,
};

/** As the log has it: without what is undefined. */
const asStored = <Data>(data: Data) => JSON.parse(JSON.stringify(data)) as Data;

test("the metrics of a result add up", () => {
  const info = { slots: 1, contextSize: 1, engine: "fake" };
  const event = completed(processing(), "w", result, info, {
    firstToken: 103,
    now: 107.5,
    params: { max_tokens: 20, temperature: 0, top_p: 1, top_k: 40 },
  });
  const data = asStored(event.data);
  assert.deepEqual(data.params, {
    max_tokens: 20,
    temperature: 0,
    top_p: 1,
    top_k: 40,
    min_p: 0,
    repeat_penalty: 1,
    presence_penalty: 0,
    frequency_penalty: 0,
    seed: 9,
  });
  assert.deepEqual(data.metrics, {
    queue_wait_time: 2.5,
    processing_time: 5,
    total_time: 7.5,
    prompt_tokens: 7,
    completion_tokens: 20,
    tokens_per_second: 4,
    time_to_first_token: 0.5,
  });
});

test("a result names the files that made it, and counts what was drafted", () => {
  const info = {
    ...{ slots: 1, contextSize: 1, engine: "llama", engineVersion: "v" },
    ...{ modelSha256: "m", quantization: "Q8_0" },
    ...{ loraSha256: "l", loraScale: 0.5 },
  };
  const drafted = { ...result, draftedTokens: 8, acceptedTokens: 5 };
  const { data } = completed(processing(), "w", drafted, info, {
    ...{ now: 107.5, params: { max_tokens: 20, temperature: 0, top_p: 1 } },
  });
  const { model_sha256, quantization, engine_version } = data;
  const { lora_sha256, lora_scale, metrics } = data;
  assert.deepEqual(
    { model_sha256, quantization, engine_version, lora_sha256, lora_scale },
    {
      ...{ model_sha256: "m", quantization: "Q8_0", engine_version: "v" },
      ...{ lora_sha256: "l", lora_scale: 0.5 },
    },
  );
  assert.equal(metrics.drafted_tokens, 8);
  assert.equal(metrics.accepted_tokens, 5);
});

test("a second attempt counts from the first start", () => {
  const task = processing();
  const drained = retried(task, { reason: "drain" }, "w", 104);
  const queued = evolve(task, { ...drained, seq: 3, time: 104 });
  assert.ok(queued);
  const again = started(queued, 2, "v", 110);
  assert.equal(again.data.start_time, 110);
  assert.equal(again.data.queue_wait_time, 2.5);
});

test("a failure keeps the text so far and says when nothing ran", () => {
  const task = processing();
  const timeout = { type: "TimeoutError" as const, message: "too long" };
  const progress = { text: "so far", promptTokens: 0, completionTokens: 2 };
  const { data } = failed(task, "w", timeout, 104.5, progress);
  assert.equal(data.partial_text, "so far");
  assert.equal(data.metrics.tokens_per_second, 1);
  assert.equal(data.error.traceback, "TimeoutError: too long");
});

test("a task that is given up says how its last attempt ended, where that is known", () => {
  const task = processing();
  const messageOf = (lastDeath?: string) => {
    const event = crashedTooOften(task, "w", 104, undefined, lastDeath);
    assert.ok(event.type === "GenerateFailed");
    return event.data.error.message;
  };
  const times = "its engine or worker died 0 times";
  assert.equal(messageOf(), times);
  assert.equal(messageOf("it broke"), `${times}; the last time: it broke`);
});

test("what is appended is what the schemas say", () => {
  const task = processing();
  const error = new EngineDied("it ended: SIGKILL", {
    reason: "crash",
    signal: "SIGKILL",
    stderrTail: "last words",
  });
  const events = [
    retried(task, { reason: "crash", error }, "w", 104),
    retried(task, { reason: "gone" }, "w", 104),
    crashedTooOften(task, "w", 104),
  ];
  for (const { type, data } of events) {
    const stored = asStored(data);
    assert.deepEqual(eventTypes[type].schema.parse(stored), stored);
  }
});
