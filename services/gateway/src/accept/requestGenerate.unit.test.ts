import {
  GenerateRequest,
  GenerateRequested,
  newTaskId,
  queueOf,
} from "@jetscribe/schema";
import assert from "node:assert/strict";
import { test } from "vitest";
import { requestGenerate } from "./requestGenerate.ts";

const key = { name: "Team A", owner: "team-a", digest: "00" };
const defaults = {
  modelName: "Qwen2.5-7B",
  timeoutMs: 300_000,
  startTimeoutMs: 3_600_000,
};
const taskId = newTaskId();
const requested = (body: object) =>
  requestGenerate(GenerateRequest.parse(body), key, defaults, {
    taskId,
    now: 1_700_000_000.5,
  });

test("a request becomes the event that its schema describes, with the defaults filled in", () => {
  const { type, data } = requested({ prompt: "Hi" });
  assert.equal(type, "GenerateRequested");
  assert.deepEqual(GenerateRequested.parse(data), {
    task_id: taskId,
    model: "Qwen2.5-7B",
    lane: "interactive",
    owner: "Team A",
    prompt: "Hi",
    params: { max_tokens: 512, temperature: 0.7, top_p: 0.9 },
    timeout_ms: 300_000,
    start_timeout_ms: 3_600_000,
    enqueue_time: 1_700_000_000.5,
  });
});

test("what was asked for stands in the event", () => {
  const body = { max_tokens: 7, temperature: 0, top_p: 1, seed: 0 };
  const { data } = requested({
    prompt: "Hi",
    user_id: "u",
    raw: true,
    lane: "batch",
    ...body,
  });
  assert.deepEqual(data.params, body);
  assert.equal(data.lane, "batch");
  assert.equal(data.user_id, "u");
  assert.equal(data.raw, true);
});

test("options stand in the event where they are not the defaults", () => {
  const options = {
    ...{ top_k: 40, min_p: 0.1, stop: ["END"], logit_bias: { "5": -100 } },
    ...{ presence_penalty: 1, response_format: { type: "json_object" } },
  };
  const { data } = requested({ prompt: "Hi", ...options, repeat_penalty: 1 });
  assert.deepEqual(data.params, {
    ...{ max_tokens: 512, temperature: 0.7, top_p: 0.9 },
    ...options,
  });
});

test("a conversation takes the place of the prompt", () => {
  const messages = [{ role: "user", content: "Hi" }];
  const { data } = requested({ messages });
  assert.deepEqual(data.messages, messages);
  assert.equal("prompt" in data, false);
});

test("the queue is named by slugs", () => {
  assert.deepEqual(queueOf(requested({ prompt: "Hi" }).data), {
    model: "qwen2-5-7b",
    lane: "interactive",
    owner: "team-a",
  });
});
