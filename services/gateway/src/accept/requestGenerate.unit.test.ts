import {
  GenerateRequest,
  GenerateRequested,
  newTaskId,
  queueOf,
  type Webhook,
} from "@jetscribe/schema";
import assert from "node:assert/strict";
import { test } from "vitest";
import { ApiKeyList, type ApiKey } from "../keys/apiKeys.ts";
import { requestGenerate, requestOf } from "./requestGenerate.ts";

const [key] = ApiKeyList.parse("Team A:secret") as [ApiKey];
const defaults = {
  modelName: "Qwen2.5-7B",
  timeoutMs: 300_000,
  startTimeoutMs: 3_600_000,
  longestWaitMs: 7_200_000,
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
    metadata: { order: "A-17" },
    raw: true,
    lane: "batch",
    ...body,
  });
  assert.deepEqual(data.params, body);
  assert.equal(data.lane, "batch");
  assert.equal(data.user_id, "u");
  assert.deepEqual(data.metadata, { order: "A-17" });
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

test("what only some requests ask for stands in the event only where they do", () => {
  const asked = {
    ...{ no_retry: true, result_ttl_ms: 60_000, cancel_after_ms: 90_000 },
  };
  const { data } = requested({ prompt: "Hi", ...asked });
  assert.deepEqual(data, { ...requested({ prompt: "Hi" }).data, ...asked });
  const plain = requested({ prompt: "Hi", no_retry: false });
  assert.deepEqual(plain, requested({ prompt: "Hi" }));
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

/** What of an event is not asked for again: it is another task's, or what came of the request. */
const notRepeated = [
  ...["task_id", "owner", "retry_of", "enqueue_time", "estimated_wait"],
  ...["received_time", "tasks_ahead", "reserved_tokens", "traceparent"],
];

test("the request of an event makes the same event, whatever it asked for", () => {
  const options = {
    ...{ top_k: 40, min_p: 0.1, stop: ["END"], logit_bias: { "5": -100 } },
    ...{ presence_penalty: 1, frequency_penalty: -1, repeat_penalty: 1.5 },
    ...{ response_format: { type: "json_object" }, seed: 3, ignore_eos: true },
    ...{ max_tokens: 7, temperature: 0, top_p: 1, timeout_ms: 5 },
    ...{ start_timeout_ms: 6, user_id: "u", lane: "batch", model: "Other" },
    ...{ metadata: { order: "A-17" }, no_retry: true },
    ...{ cancel_after_ms: 90_000, result_ttl_ms: 60_000 },
    webhook: { url: "https://a.example/hook", events: ["failed"] },
    not_before: 1_700_000_060,
  };
  const bodies = [
    { prompt: "Hi" },
    { prompt: "Hi", raw: true, ...options },
    { messages: [{ role: "user", content: "Hi" }], ...options },
    {
      ...{ prompt: "Hi", group: "g", group_concurrency: 2 },
      group_policy: "latest",
    },
  ];
  const seen = new Set<string>();
  for (const body of bodies) {
    const { data } = requested(body);
    for (const name of Object.keys(data)) seen.add(name);
    assert.deepEqual(requested(requestOf(data)).data, data);
  }
  // A field that an event gets is repeated, or named above.
  const repeated = [...seen].filter((name) => !notRepeated.includes(name));
  assert.deepEqual(
    new Set([...repeated, ...notRepeated]),
    new Set(Object.keys(GenerateRequested.shape)),
  );
});

test("a request without a webhook has that of its key", () => {
  const ofKey = { url: "https://a.example/key" };
  const own = { url: "https://a.example/own", events: ["failed"] };
  const webhookOf = (body: object, webhook?: Webhook) =>
    requestGenerate(
      GenerateRequest.parse({ prompt: "Hi", ...body }),
      { ...key, ...(webhook && { webhook }) },
      defaults,
      { taskId, now: 1 },
    ).data.webhook;
  assert.equal(webhookOf({}), undefined);
  assert.deepEqual(webhookOf({ webhook: null }, ofKey), ofKey);
  assert.deepEqual(webhookOf({ webhook: own }, ofKey), own);
});
