/** Pure: what becomes of a delivery that failed. */
import type { DeliveryError, WebhookDelivery } from "@jetscribe/schema";
import type { Failure } from "../send/send.ts";

export interface RetryTimes {
  /** The pause before the second attempt; each further one is four times as long. */
  firstPauseMs: number;
  /** From the first attempt on. */
  retryForMs: number;
}

const longestPauseMs = 4 * 3_600_000;

/** Another attempt would end in the same way, until somebody changes something. */
const final: ReadonlySet<DeliveryError> = new Set([
  "gone",
  "refused",
  "disabled",
]);
/** Of these nothing was sent. */
const unsent: ReadonlySet<DeliveryError> = new Set([
  "refused",
  "disabled",
  "busy",
]);

/** The pause behind so many attempts, in ms, a fifth shorter or longer by chance. `random`: 0 to 1. */
export const pauseAfter = (
  attempts: number,
  firstPauseMs: number,
  random: number,
): number =>
  Math.round(
    Math.min(firstPauseMs * 4 ** (attempts - 1), longestPauseMs) *
      (0.8 + 0.4 * random),
  );

const firstPauseWithoutRoomMs = 5_000;
const longestPauseWithoutRoomMs = 300_000;

/** When a message comes again that could not be dealt with, in ms, a fifth shorter or longer by chance: the later, the more often it came. */
export const pauseWithoutRoom = (tries: number, random: number): number =>
  Math.round(
    Math.min(
      firstPauseWithoutRoomMs * 2 ** (tries - 1),
      longestPauseWithoutRoomMs,
    ) *
      (0.8 + 0.4 * random),
  );

/** `nowS`: seconds since the epoch. */
export function afterFailure(
  { asked, http_status: _, ...delivery }: WebhookDelivery,
  failure: Failure,
  {
    nowS,
    random,
    firstPauseMs,
    retryForMs,
  }: RetryTimes & { nowS: number; random: number },
): WebhookDelivery {
  const { error } = failure;
  const attempts = delivery.attempts + (unsent.has(error) ? 0 : 1);
  const next_at = nowS + pauseAfter(Math.max(1, attempts), firstPauseMs, random) / 1_000; // prettier-ignore
  const ends =
    final.has(error) || next_at > delivery.since + retryForMs / 1_000;
  return {
    ...delivery,
    ...failure,
    attempts,
    ...(ends
      ? { state: "dead", next_at: nowS }
      : { state: "pending", next_at, ...(asked && { asked }) }),
  };
}
