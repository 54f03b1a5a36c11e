/** Readings of texts as records in AUDIT: decision 0047. */
import { AppendError } from "@jetscribe/event-log/append/append";
import {
  appendTextRead,
  textReadsOf,
} from "@jetscribe/event-log/audit/auditLog";
import type { BrokerClock } from "@jetscribe/event-log/broker/brokerClock";
import type { Broker } from "@jetscribe/event-log/broker/connection";
import {
  shownTextRead,
  type ShownTextRead,
  type TextRead,
} from "@jetscribe/schema";
import type { RateLimiter, RateUse } from "@jetscribe/task-store";
import { ApiError, unavailable } from "../apiError.ts";

export type Audit = ReturnType<typeof makeAudit>;

/** An answer that tells who read the texts waits so long for that. */
const readWithinMs = 1_000;

/**
 * A key may have so many readings recorded in an hour: far more than people open, and AUDIT with its default size takes
 * a day and a half of them. While it is full nobody is shown a text, so no key may fill it before an operator sees that.
 */
const mostInHour = 10_000;

/** `limiter`: its window is an hour. */
export function makeAudit(
  broker: Broker,
  clock: Pick<BrokerClock, "nowS">,
  limiter: Pick<RateLimiter, "take">,
  most = mostInHour,
) {
  return {
    /** Resolves once AUDIT has the record. Rejects with an ApiError: then no text may be shown. */
    async record(read: TextRead): Promise<void> {
      const use = await limiter.take(read.key_id, most);
      if (!use.allowed) throw tooMany(use);
      const now = new Date(clock.nowS() * 1_000);
      const by = { source: "gateway", now };
      await appendTextRead(broker, read, by).catch((error: unknown) => {
        throw refusalOf(error, broker.streams.audit);
      });
    },
    /** The newest records of a task, oldest first; undefined: they can't be read, or not in time. Never rejects. */
    async readsOf(taskId: string): Promise<ShownTextRead[] | undefined> {
      const signal = AbortSignal.timeout(readWithinMs);
      const reads = await textReadsOf(broker, taskId, signal).catch(() => undefined); // prettier-ignore
      return reads?.map(shownTextRead);
    },
  };
}

const tooMany = ({ limit, resetS }: RateUse) =>
  new ApiError(
    "rate_limited",
    `this key may have ${limit} readings of texts recorded in an hour`,
    { retryAfterS: resetS },
  );

function refusalOf(error: unknown, stream: string): ApiError {
  const isFull = error instanceof AppendError && error.code === "full";
  const why = isFull
    ? `the stream ${stream} is full`
    : "the broker did not take one";
  return unavailable(
    `no text is shown without a record of who reads it, and ${why}`,
    error,
  );
}
