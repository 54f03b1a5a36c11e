/** A task again: a new one from the request that the log has of an ended one, with what the caller changes. */
import type { Broker } from "@jetscribe/event-log/broker/connection";
import { eventAt } from "@jetscribe/event-log/broker/streamState";
import {
  GenerateRequest,
  type GenerateOverrides,
  type GenerateRequested,
  type TaskState,
} from "@jetscribe/schema";
import { ApiError, unavailable } from "../apiError.ts";
import { invalidRequest } from "../invalidRequest.ts";
import type { ApiKey } from "../keys/apiKeys.ts";
import type { AcceptOnce } from "./acceptOnce.ts";
import { requestOf } from "./requestGenerate.ts";
import { makeTurns } from "./turns.ts";

/**
 * `task`: one that has ended, and that this key may see; `seq`: of its request. Rejects with an ApiError: `gone` where
 * the log has the request no more, `invalid_request` where what the overrides make of it is no request, and as
 * `AcceptOnce`.
 */
export type RetryTask = (
  task: Pick<TaskState, "task_id" | "seq">,
  key: ApiKey,
  options?: {
    overrides?: GenerateOverrides | undefined;
  } & Omit<Parameters<AcceptOnce>[2], "retryOf">,
) => ReturnType<AcceptOnce>;

/** A small call can bring a large prompt out of the log, so few are held at once; the others wait for their turn. */
const atOnce = 8;
const mostWaiting = 1_000;

export function makeRetryTask(
  broker: Broker,
  acceptOnce: AcceptOnce,
): RetryTask {
  const turns = makeTurns(atOnce);

  return async (task, key, { overrides = {}, ...options } = {}) => {
    if (turns.waiting >= mostWaiting)
      throw unavailable("too many retries are under way");
    return await turns.take(async () => {
      const { cancel_after_ms, ...stored } = await storedRequest(task);
      const keepsDeadline =
        cancel_after_ms !== undefined && options.cancelAfterMs === undefined;
      const request = withOverrides(
        { ...stored, ...(keepsDeadline && { cancel_after_ms }) },
        overrides,
      );
      return await acceptOnce(request, key, {
        ...options,
        retryOf: task.task_id,
      });
    });
  };

  async function storedRequest({
    task_id,
    seq,
  }: Pick<TaskState, "task_id" | "seq">): Promise<GenerateRequested> {
    const event = await eventAt(broker, seq).catch((cause: unknown) => {
      throw unavailable("the log can't be read", cause);
    });
    if (event?.type !== "GenerateRequested" || event.data.task_id !== task_id)
      throw new ApiError("gone", "the log has the task's request no more");
    return event.data;
  }
}

/** A prompt takes the place of a conversation, and the other way round. */
function withOverrides(
  stored: GenerateRequested,
  overrides: GenerateOverrides,
): GenerateRequest {
  const { prompt, messages, raw, ...rest } = requestOf(stored);
  const ofPrompt =
    overrides.messages === undefined && overrides.prompt === undefined
      ? { prompt, messages, raw }
      : overrides.messages === undefined && { raw };
  const { data, error } = GenerateRequest.safeParse({
    ...{ ...rest, ...ofPrompt },
    ...overrides,
  });
  if (error !== undefined) throw invalidRequest(error);
  return data;
}
