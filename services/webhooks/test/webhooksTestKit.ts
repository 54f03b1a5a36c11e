/** What the tests share: a webhooks service on a broker of its own, and outcomes of tasks that name a webhook. */
import { makeAppender } from "@jetscribe/event-log/append/append";
import {
  connectBroker,
  type Broker,
} from "@jetscribe/event-log/broker/connection";
import { streamState } from "@jetscribe/event-log/broker/streamState";
import { ensureTopology } from "@jetscribe/event-log/streams/topology";
import {
  listDeliveries,
  type StoredDelivery,
} from "@jetscribe/event-log/webhooks/deliveries";
import { evolve, newTaskId, queueOf, type Webhook } from "@jetscribe/schema";
import {
  cancelled,
  completed,
  failed,
  requested,
} from "@jetscribe/schema/test/taskEventsTestKit";
import {
  secretText,
  WebhookSecretSettings,
  makeSecretsOf,
} from "@jetscribe/runtime/webhookSecrets";
import {
  startStack,
  type Member,
  type NatsVersion,
  type Stack,
} from "@jetscribe/testing";

const outcomes = { completed, failed, cancelled };
export type End = keyof typeof outcomes;

export interface WebhookSystem extends AsyncDisposable {
  stack: Stack;
  broker: Broker;
  /** Of the owner `a`. */
  secret: string;
  /** The whole life of a task of the owner `a`, with a webhook; its id. */
  end: (webhook: Webhook | undefined, end?: End) => Promise<string>;
  /** What WEBHOOKS has of an owner; absent: of `a`. */
  records: (owner?: string) => Promise<StoredDelivery[]>;
  /** What it has of one task. */
  record: (taskId: string) => Promise<StoredDelivery["delivery"] | undefined>;
  /** How many messages WEBHOOKS has. */
  stored: () => Promise<number>;
}

/** Anything on loopback may be reached by its IPv4 address. */
const env = {
  ...{ WEBHOOK_ALLOW_HTTP: "on", WEBHOOK_PORTS: "any" },
  ...{ WEBHOOK_ALLOW_PRIVATE: "127.0.0.0/8", WEBHOOK_TIMEOUT: "30s" },
  ...{ WEBHOOK_RETRY_AFTER: "100ms", WEBHOOK_PARALLEL_PER_HOST: "4" },
  WEBHOOK_SECRETS: "test".repeat(8),
};

/** The machine may be busy. */
const within = { timeoutMs: 60_000 };

export async function startWebhooks(
  natsVersion: NatsVersion,
  services: readonly Member[] = ["webhooks"],
  more: Record<string, string> = {},
): Promise<WebhookSystem> {
  await using opened = new AsyncDisposableStack();
  const stack = opened.use(
    await startStack({
      ...{ natsVersion, services, env: { ...env, ...more } },
      healthyWithinMs: 0,
    }),
  );
  const broker = opened.use(
    await connectBroker({ url: stack.natsUrl, name: "test" }),
  );
  await ensureTopology(broker, {
    ...{ eventsMaxBytes: 2 ** 30, taskTimeoutMs: 300_000, replicas: 1 },
    ...{ auditMaxAgeMs: 365 * 86_400_000, auditMaxBytes: 256_000_000 },
  });
  const appender = opened.use(makeAppender(broker, "test"));
  const secretsOf = makeSecretsOf(WebhookSecretSettings.parse(env));
  const [secret = Buffer.of()] = secretsOf("a");
  const records = (owner = "a") =>
    listDeliveries(
      broker,
      owner,
      { after: 0, limit: 10_000 },
      AbortSignal.timeout(60_000),
    );
  const all = opened.move();
  return {
    ...{ stack, broker, records },
    secret: secretText(secret),
    async end(webhook, end = "completed") {
      const event = requested(newTaskId(), {
        prompt: "SECRET of prompt",
        ...(webhook && { webhook }),
      });
      const { task_id } = event.data;
      const queue = queueOf(event.data);
      const { seq } = await appender.append(event, queue, within);
      const task = evolve(undefined, { ...event, seq, time: 1 });
      await appender.append(outcomes[end](task_id), queue, { task, ...within });
      return task_id;
    },
    async record(taskId) {
      const found = (await records()).find(
        ({ delivery }) => delivery.task_id === taskId,
      );
      return found?.delivery;
    },
    stored: async () =>
      (await streamState(broker, broker.streams.webhooks)).messages,
    [Symbol.asyncDispose]: () => all.disposeAsync(),
  };
}
