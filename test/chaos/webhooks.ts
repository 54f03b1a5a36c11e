/** A receiver of the load's webhooks: at random it answers 500, hangs, or hangs up, one delivery twice at most. */
import {
  startWebhookReceiver,
  webhookVerifier,
  type Random,
  type ReceivedWebhook,
  type WebhookAnswer,
} from "@jetscribe/testing";
import { call } from "./client.ts";
import type { Fleet } from "./fleet.ts";
import type { LoggedEvent } from "./readLog.ts";
import { tasksOf } from "./tasks.ts";
import { webhookTimeoutMs } from "./webhookSettings.ts";
import { webhookTells } from "./webhookTells.ts";

type VerifyWebhook = ReturnType<typeof webhookVerifier>;

/** A call of the receiver. */
export interface WebhookCall {
  /** Of its URL: `/<owner>/<number of the call that asked for it>`. */
  path: string;
  /** `webhook-id`. */
  id: string;
  taskId: string;
  /** `task.completed`, `task.failed` or `task.cancelled`. */
  type: string;
  /** Whether the signature is that of the path's owner. */
  signed: boolean;
  body: string;
  /** Whether it was answered with 2xx. */
  taken: boolean;
  /** Whether its sender surely still waited then: the receiver may have stood still. */
  inTime: boolean;
}

export interface Webhooks extends AsyncDisposable {
  readonly url: string;
  readonly calls: readonly WebhookCall[];
  /** Why not everything is delivered of these events; undefined: it is. */
  waitsFor(log: readonly LoggedEvent[]): string | undefined;
}

const mostFailures = 2;
const failing = 0.4;

/** Asks the gateway for the secrets of these owners. */
export async function receiveWebhooks(
  fleet: Fleet,
  random: Random,
): Promise<Webhooks> {
  const verifiers = new Map<string, VerifyWebhook>();
  for (const [owner, key] of Object.entries(fleet.owners)) {
    const { body } = await call({ url: fleet.url, key }, "GET", "/webhooks/secret"); // prettier-ignore
    verifiers.set(owner, webhookVerifier(String(body["secret"])));
  }
  const calls: WebhookCall[] = [];
  const failures = new Map<string, number>();
  const receiver = await startWebhookReceiver();

  function answerTo({ id }: ReceivedWebhook): WebhookAnswer {
    const times = failures.get(id) ?? 0;
    if (times >= mostFailures || !random.chance(failing)) return 204;
    failures.set(id, times + 1);
    return random.pick<WebhookAnswer>([500, "hang", "hang up"]);
  }

  receiver.answerWith((received) => {
    const { id, path, type, data, body, headers } = received;
    const answer = answerTo(received);
    const [, owner = ""] = path.split("/");
    const signed = verifiers.get(owner)?.(body, headers) ?? false;
    const [taskId, taken] = [String(data["task_id"]), answer === 204];
    const sentMs = Number(headers["webhook-timestamp"]) * 1_000;
    const inTime = Date.now() - sentMs < webhookTimeoutMs;
    calls.push({ path, id, taskId, type, signed, body, taken, inTime });
    return answer;
  });
  return {
    url: receiver.url,
    calls,
    waitsFor(log) {
      const taken = new Set(calls.flatMap((one) => one.taken ? one.taskId : [])); // prettier-ignore
      const missing = [...tasksOf(log).values()].filter(
        (task) => webhookTells(task) && !taken.has(task.id),
      );
      return missing.length > 0 ? `${missing.length} webhooks` : undefined;
    },
    [Symbol.asyncDispose]: () => receiver[Symbol.asyncDispose](),
  };
}
