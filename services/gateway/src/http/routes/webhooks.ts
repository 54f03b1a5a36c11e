/** What an owner sees of webhooks: decision 0054. */
import {
  WebhookDeliveryResponse,
  WebhookListQuery,
  WebhookListResponse,
  WebhookSecretResponse,
} from "@jetscribe/schema";
import type { App, AppDeps } from "../appDeps.ts";
import { answer, problems, security } from "../docs.ts";
import { taskIdExample } from "../examples.ts";
import { TaskParams } from "../taskParams.ts";

/** Whoever may name webhooks may see them: an address may hold a secret. */
const config = { scope: "generate" } as const;

const dead = {
  ...{ task_id: taskIdExample, model: "demo", status: "completed" },
  url: "https://receiver.example/hooks/jetscribe",
  ...{ ended_at: 1795894184.618, state: "dead", attempts: 12 },
  ...{ error: "status", http_status: 503 },
};

const listSchema = {
  operationId: "listWebhookDeliveries",
  tags: ["Webhooks"],
  summary: "List webhooks that were not delivered",
  description:
    "The caller's webhooks that wait for another attempt or were given up; those that changed last come last. A webhook that was delivered is not among them.",
  querystring: WebhookListQuery,
  response: {
    200: answer(WebhookListResponse, "A page of webhooks", {
      example: { deliveries: [dead], next_cursor: "118" },
    }),
    ...problems(400, 401, 403, "rate_limited", 503),
  },
  security,
};
const resendSchema = {
  operationId: "resendWebhook",
  tags: ["Webhooks"],
  summary: "Send a webhook again",
  description:
    "A webhook that waits or was given up is sent at once, and tried for a day again, also to an address that answered 410 before: if it is taken now, the address gets webhooks again. The `webhook-id` stays the same. No body is needed.",
  params: TaskParams,
  response: {
    200: answer(WebhookDeliveryResponse, "It will be sent", {
      example: {
        ...{ ...dead, state: "pending", attempts: 0 },
        ...{ next_at: 1795931301.2, error: undefined, http_status: undefined },
      },
    }),
    ...problems(401, 403, 404, "rate_limited", 503),
  },
  security,
};
const secretSchema = {
  operationId: "getWebhookSecret",
  tags: ["Webhooks"],
  summary: "Read what webhooks are signed with",
  description:
    "The secret by which a receiver verifies the caller's webhooks, as Standard Webhooks says. All keys of one name have the same.",
  response: {
    200: answer(WebhookSecretResponse, "The secret of the key's owner", {
      example: {
        secret: "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSwMfKQ9r8GKYo=",
        previous: [],
      },
    }),
    ...problems(401, 403, "rate_limited", 503),
  },
  security,
};

export function webhookRoutes(app: App, { webhooks }: AppDeps): void {
  app.get(
    "/webhooks/deliveries",
    { schema: listSchema, config },
    ({ key, query }) => webhooks.list(key.owner, query),
  );
  app.get(
    "/webhooks/secret",
    { schema: secretSchema, config },
    ({ key }, reply) => {
      void reply.header("cache-control", "no-store");
      return webhooks.secret(key.owner);
    },
  );
}

/** Of a scope that reads no bodies. */
export function resendWebhookRoute(app: App, { webhooks }: AppDeps): void {
  app.post(
    "/webhooks/deliveries/:task_id/resend",
    { schema: resendSchema, config },
    ({ key, params }) => webhooks.resend(key.owner, params.task_id),
  );
}
