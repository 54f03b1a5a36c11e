/** Pure: what a call asks for, as the event that accepts it. */
import type {
  GenerateRequest,
  GenerateRequested,
  Queue,
  TaskEvent,
} from "@jetscribe/schema";
import { slugOf } from "@jetscribe/schema";
import type { ApiKey } from "./apiKeys.ts";

export interface Defaults {
  /** As people see it. */
  modelName: string;
  timeoutMs: number;
  startTimeoutMs: number;
}

type Requested = Extract<TaskEvent, { type: "GenerateRequested" }>;

/** `now`: seconds since the epoch. */
export function requestGenerate(
  {
    prompt,
    raw,
    user_id,
    max_tokens,
    temperature,
    top_p,
    seed,
  }: GenerateRequest,
  { name }: ApiKey,
  { modelName, timeoutMs, startTimeoutMs }: Defaults,
  { taskId, now }: { taskId: string; now: number },
): Requested {
  const data: GenerateRequested = {
    task_id: taskId,
    model: modelName,
    lane: "interactive",
    owner: name,
    ...(user_id !== undefined && { user_id }),
    prompt,
    ...(raw && { raw }),
    params: {
      max_tokens,
      temperature,
      top_p,
      ...(seed !== undefined && { seed }),
    },
    timeout_ms: timeoutMs,
    start_timeout_ms: startTimeoutMs,
    enqueue_time: now,
  };
  return { type: "GenerateRequested", data };
}

/** The queue that a task waits in. */
export const queueOf = ({
  model,
  lane,
  owner,
}: Pick<GenerateRequested, "model" | "lane" | "owner">): Queue => ({
  model: slugOf(model),
  lane,
  owner: slugOf(owner),
});
