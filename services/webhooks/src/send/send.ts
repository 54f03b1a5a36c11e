/** One attempt to deliver a webhook; what came of it is a value. */
import type { SecretsOf } from "@jetscribe/runtime/webhookSecrets";
import {
  slugOf,
  type DeliveryError,
  type WebhookDelivery,
} from "@jetscribe/schema";
import { RefusedAddress, type Guard } from "../guard/guard.ts";
import { payloadOf } from "./payload.ts";
import { post } from "./post.ts";
import { signedHeaders } from "./sign.ts";

export interface Failure {
  error: DeliveryError;
  /** Of the answer, where there was one. */
  http_status?: number;
}

/** Undefined: it was delivered. Never rejects. */
export type Send = (delivery: WebhookDelivery) => Promise<Failure | undefined>;

export function makeSend({
  guard,
  secretsOf,
  nowS,
  timeoutMs,
}: {
  guard: Guard;
  secretsOf: SecretsOf;
  /** The broker's clock, in seconds since the epoch. */
  nowS: () => number;
  /** For all of it: the look-up of the name, the connection and the answer. */
  timeoutMs: number;
}): Send {
  async function statusOf(
    delivery: WebhookDelivery,
    signal: AbortSignal,
  ): Promise<number> {
    const url = URL.parse(delivery.url);
    if (url === null) throw new RefusedAddress("no URL");
    const addresses = await guard(url, signal);
    const body = payloadOf(delivery);
    const secrets = secretsOf(slugOf(delivery.owner));
    const headers = signedHeaders(delivery.task_id, body, secrets, nowS());
    return await post(url, { addresses, headers, body, signal });
  }

  return async (delivery) => {
    const abort = new AbortController();
    const { signal } = abort;
    // Where this process stood still, an answer that came in time is read first.
    const timer = setTimeout(
      () => setImmediate(() => abort.abort()),
      timeoutMs,
    );
    try {
      return failureOf(await statusOf(delivery, signal));
    } catch (error) {
      if (error instanceof RefusedAddress) return { error: "refused" };
      return { error: signal.aborted ? "timeout" : "connection" };
    } finally {
      clearTimeout(timer);
    }
  };
}

function failureOf(http_status: number): Failure | undefined {
  if (http_status >= 200 && http_status < 300) return undefined;
  if (http_status === 410) return { error: "gone", http_status };
  const leadsElsewhere = http_status >= 300 && http_status < 400;
  return { error: leadsElsewhere ? "redirect" : "status", http_status };
}
