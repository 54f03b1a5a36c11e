/** Many requests of one call: each is accepted or refused by itself, and several are on their way to the log at once. */
import { setImmediate as otherWork } from "node:timers/promises";
import { invalidRequest } from "../invalidRequest.ts";
import type { ApiKey } from "../keys/apiKeys.ts";
import type { AcceptOnce } from "./acceptOnce.ts";
import { Request } from "./request.ts";
import { makeTurns } from "./turns.ts";

/** What came of each request, in their order. What is rejected is so as by `AcceptOnce`, or is no request. */
export type AcceptBatch = (
  requests: readonly unknown[],
  key: ApiKey,
  options: Omit<Parameters<AcceptOnce>[2], "retryOf"> & {
    /** Aborts when the key ends: what was not begun is rejected with its reason. */
    ended?: AbortSignal | undefined;
  },
) => Promise<PromiseSettledResult<Awaited<ReturnType<AcceptOnce>>>[]>;

/** Requests of one batch: enough to keep the broker busy, and few that other calls have to wait for. */
const atOnce = 32;

export function makeAcceptBatch(acceptOnce: AcceptOnce): AcceptBatch {
  return (requests, key, { idempotencyKey, ended, ...options }) => {
    const turns = makeTurns(atOnce);

    async function accept(request: unknown, index: number) {
      // Or a batch of invalid requests would be one long step.
      await otherWork();
      ended?.throwIfAborted();
      const { data, error } = Request.safeParse(request);
      if (error !== undefined) throw invalidRequest(error);
      const ofItem = idempotencyKey && keyOfItem(idempotencyKey, index);
      return await acceptOnce(data, key, {
        ...options,
        idempotencyKey: ofItem,
      });
    }

    return Promise.allSettled(
      requests.map((request, index) =>
        turns.take(() => accept(request, index)),
      ),
    );
  };
}

/**
 * The idempotency key of one of many requests that a call makes, by its name in the call. No key of a call has a line
 * end, so none is that of an item.
 */
export const keyOfItem = (
  idempotencyKey: string,
  item: number | string,
): string => `${idempotencyKey}\n${item}`;
