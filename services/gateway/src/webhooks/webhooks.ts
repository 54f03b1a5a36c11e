/** Webhooks of an owner, for the calls that show them: those that wait or were given up, and what all are signed with. */
import {
  listDeliveries,
  sendAgain,
} from "@jetscribe/event-log/webhooks/deliveries";
import type { BrokerClock } from "@jetscribe/event-log/broker/brokerClock";
import type { Broker } from "@jetscribe/event-log/broker/connection";
import {
  makeSecretsOf,
  secretText,
  type SecretsOf,
  type WebhookSecretSettings,
} from "@jetscribe/runtime/webhookSecrets";
import {
  taskIdTime,
  type WebhookDelivery,
  type WebhookDeliveryResponse,
  type WebhookListQuery,
  type WebhookListResponse,
  type WebhookSecretResponse,
} from "@jetscribe/schema";
import { ApiError, unavailable } from "../apiError.ts";
import type { Search } from "../read/readTask.ts";

export type Webhooks = ReturnType<typeof makeWebhooks>;

/** Functions take the slug of the owner, and reject with an ApiError. */
export function makeWebhooks(
  broker: Broker,
  clock: Pick<BrokerClock, "nowS">,
  settings: WebhookSecretSettings,
  search: Search,
) {
  /** Made at the first call: most systems have no webhooks. */
  let secretsOf: SecretsOf | undefined;

  function secrets(owner: string): string[] {
    try {
      return (secretsOf ??= makeSecretsOf(settings))(owner).map(secretText);
    } catch (cause) {
      throw unavailable("the secrets of webhooks can't be read", cause);
    }
  }

  return {
    /** Those that changed last come last. */
    async list(
      owner: string,
      { state, limit, cursor = "0" }: WebhookListQuery,
    ): Promise<WebhookListResponse> {
      const after = Number(cursor);
      const page = { state, after, limit };
      const found = await search((signal) =>
        listDeliveries(broker, owner, page, signal),
      ).catch((cause: unknown) => {
        if (cause instanceof ApiError) throw cause;
        throw unavailable("the webhooks can't be read in time", cause);
      });
      const last = found.at(-1);
      const isFull = last !== undefined && found.length >= limit;
      return {
        deliveries: found.map(({ delivery }) => responseOf(delivery)),
        ...(isFull && { next_cursor: String(last.seq) }),
      };
    },
    /** Has it sent at once, whatever became of it. */
    async resend(
      owner: string,
      taskId: string,
    ): Promise<WebhookDeliveryResponse> {
      // Whatever else a path may hold is no part of a subject.
      const again =
        taskIdTime(taskId) === undefined
          ? undefined
          : await sendAgain(broker, owner, taskId, clock.nowS()).catch(
              (cause: unknown) => {
                throw unavailable("the broker did not take it", cause);
              },
            );
      if (again === undefined)
        throw new ApiError("not_found", "no webhook of the task waits");
      return responseOf(again);
    },
    secret(owner: string): WebhookSecretResponse {
      const [secret = "", ...previous] = secrets(owner);
      return { secret, previous };
    },
  };
}

function responseOf({
  owner: _,
  asked: _asked,
  since: _since,
  traceparent: _trace,
  next_at,
  ...shown
}: WebhookDelivery): WebhookDeliveryResponse {
  return { ...shown, ...(shown.state === "pending" && { next_at }) };
}
