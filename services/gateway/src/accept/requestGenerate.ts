/** Pure: what a call asks for, as the event that accepts it. */
import {
  paramDefaults,
  type GenerateParams,
  type GenerateRequest,
  type GenerateRequested,
  type TaskEvent,
} from "@jetscribe/schema";
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
  request: GenerateRequest,
  { name }: ApiKey,
  { modelName, timeoutMs, startTimeoutMs }: Defaults,
  { taskId, now }: { taskId: string; now: number },
): Requested {
  const { prompt, messages, raw, user_id } = request;
  const data: GenerateRequested = {
    task_id: taskId,
    model: modelName,
    lane: request.lane,
    owner: name,
    ...(user_id !== undefined && { user_id }),
    ...(prompt === undefined ? { messages } : { prompt }),
    ...(raw && { raw }),
    params: paramsOf(request),
    // What it may ask for is up to what the system allows.
    timeout_ms: Math.min(request.timeout_ms ?? Infinity, timeoutMs),
    start_timeout_ms: Math.min(
      request.start_timeout_ms ?? Infinity,
      startTimeoutMs,
    ),
    enqueue_time: now,
  };
  return { type: "GenerateRequested", data };
}

/** What was asked for beyond the defaults, so that a plain request stays a small event. */
function paramsOf(request: GenerateRequest): GenerateParams {
  const { max_tokens, temperature, top_p } = request;
  const params: Record<string, unknown> = { max_tokens, temperature, top_p };
  for (const name of optionalParams) {
    const value = request[name];
    if (value !== undefined && value !== defaults[name]) params[name] = value;
  }
  return params as GenerateParams;
}

const optionalParams = [
  "seed",
  "stop",
  "logit_bias",
  "response_format",
  "ignore_eos",
  ...Object.keys(paramDefaults),
] as (keyof GenerateParams & keyof GenerateRequest)[];

const defaults: Readonly<Record<string, unknown>> = paramDefaults;
