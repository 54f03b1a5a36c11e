/** Whether the log still has a moment, or has it already. */
import type { Broker } from "@jetscribe/event-log/broker/connection";
import {
  streamState,
  type StreamState,
} from "@jetscribe/event-log/broker/streamState";
import { ApiError, unavailable } from "../apiError.ts";

/** Rejects with an ApiError. */
export const readLogState = (broker: Broker): Promise<StreamState> =>
  streamState(broker, broker.streams.events).catch((cause: unknown) => {
    throw unavailable("the log can't be asked", cause);
  });

/** Rejects with an ApiError: `invalid_request` of a moment that is not there yet, and `gone` of one that was dropped. */
export async function checkMoment(
  broker: Broker,
  at: number,
  field = "at",
): Promise<StreamState> {
  const state = await readLogState(broker);
  const { firstSeq, lastSeq } = state;
  if (at > lastSeq) {
    const fields = [{ field, message: `the log ends with ${lastSeq}` }];
    throw new ApiError("invalid_request", `see: ${field}`, { fields });
  }
  if (at < firstSeq - 1)
    throw new ApiError("gone", `the log begins with ${firstSeq}`);
  return state;
}
