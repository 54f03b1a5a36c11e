import { secretText } from "@jetscribe/runtime/webhookSecrets";
import { newTaskId, type WebhookDelivery } from "@jetscribe/schema";
import { webhookVerifier } from "@jetscribe/testing";
import assert from "node:assert/strict";
import { test } from "vitest";
import { payloadOf } from "./payload.ts";
import { signedHeaders } from "./sign.ts";

const delivery: WebhookDelivery = {
  ...{ task_id: newTaskId(), owner: "Team Zoë", model: "demo" },
  ...{ status: "failed", error_type: "TimeoutError", ended_at: 1.5 },
  ...{ url: "https://a.example/?token=secret", state: "pending", attempts: 0 },
  ...{ since: 2, next_at: 2 },
};
const [young, old, other] = [1, 2, 3].map((n) => Buffer.alloc(32, n)) as [
  Buffer,
  Buffer,
  Buffer,
];

test("a webhook tells what came of the task, and neither texts nor its own address", () => {
  const { task_id } = delivery;
  assert.deepEqual(JSON.parse(payloadOf(delivery)), {
    type: "task.failed",
    timestamp: "1970-01-01T00:00:01.500Z",
    data: {
      ...{ task_id, status: "failed", model: "demo", owner: "Team Zoë" },
      error_type: "TimeoutError",
    },
  });
});

test("the library of Standard Webhooks verifies it with each secret during a change, and with no other", () => {
  const body = payloadOf(delivery);
  const headers = signedHeaders("id", body, [young, old], Date.now() / 1_000);
  for (const secret of [young, old])
    assert.ok(webhookVerifier(secretText(secret))(body, headers));
  assert.ok(!webhookVerifier(secretText(other))(body, headers));
  const verify = webhookVerifier(secretText(young));
  assert.ok(!verify(body.replace("failed", "completed"), headers));
  for (const changed of [
    { "webhook-id": "other" },
    { "webhook-timestamp": "1" },
  ])
    assert.ok(!verify(body, { ...headers, ...changed }));
});
