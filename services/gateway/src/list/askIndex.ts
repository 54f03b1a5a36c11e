/** Questions to the task index. */
import type { Broker } from "@jetscribe/event-log/broker/connection";
import {
  readHighWaterMark,
  type HighWaterMark,
} from "@jetscribe/event-log/state/highWaterMark";
import { gatewayLookUpMs } from "@jetscribe/schema";
import { setTimeout as sleep } from "node:timers/promises";
import { unavailable } from "../apiError.ts";

/** Between two questions, growing: where no index is there to be asked, that is known at once. */
const pause = { firstMs: 100, longestMs: 1_000 };

/**
 * Of the log as it is now. `ask`: gives undefined where no index answers. `withinMs`: as in {@link answered}. Rejects with
 * an ApiError.
 */
export async function askIndex<Answer>(
  broker: Broker,
  ask: (end: HighWaterMark) => Promise<Answer | undefined>,
  withinMs?: number,
): Promise<Answer> {
  const end = await readHighWaterMark(broker).catch((cause: unknown) => {
    throw unavailable("the log's end can't be read", cause);
  });
  return await answered(() => ask(end), withinMs);
}

/**
 * The answer of an index to a question that names the log's end itself. An index that is behind, or stands still, gives
 * none for a while, and another one may: it is asked again for so long; 0: once. Rejects with an ApiError.
 */
export async function answered<Answer>(
  ask: () => Promise<Answer | undefined>,
  withinMs = gatewayLookUpMs,
): Promise<Answer> {
  const until = performance.now() + withinMs;
  for (let ms = pause.firstMs; ; ms = Math.min(2 * ms, pause.longestMs)) {
    const isLast = performance.now() >= until;
    const answer = await ask();
    if (answer !== undefined) return answer;
    if (isLast) break;
    await sleep(ms);
  }
  throw unavailable("no task index answers: it is being built, or not there");
}
