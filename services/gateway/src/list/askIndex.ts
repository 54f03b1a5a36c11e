/** Questions to the task index. */
import type { Broker } from "@jetscribe/event-log/broker/connection";
import {
  readHighWaterMark,
  type HighWaterMark,
} from "@jetscribe/event-log/state/highWaterMark";
import { unavailable } from "../apiError.ts";

/** An index that is behind answers nothing; another one may not be. */
const askedAtMost = 2;

/** Of the log as it is now. `ask`: gives undefined where no index answers. Rejects with an ApiError. */
export async function askIndex<Answer>(
  broker: Broker,
  ask: (end: HighWaterMark) => Promise<Answer | undefined>,
): Promise<Answer> {
  const end = await readHighWaterMark(broker).catch((cause: unknown) => {
    throw unavailable("the log's end can't be read", cause);
  });
  return await answered(() => ask(end));
}

/** The answer of an index to a question that names the log's end itself. Rejects with an ApiError. */
export async function answered<Answer>(
  ask: () => Promise<Answer | undefined>,
): Promise<Answer> {
  for (let asked = 0; asked < askedAtMost; asked++) {
    const answer = await ask();
    if (answer !== undefined) return answer;
  }
  throw unavailable("no task index answers: it is being built, or not there");
}
