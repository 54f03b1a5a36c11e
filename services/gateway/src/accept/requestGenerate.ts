/** Pure: what a call asks for, as the event that accepts it. */
import {
  paramDefaults,
  type GenerateBody,
  type GenerateParams,
  type GenerateRequest,
  type GenerateRequested,
  type TaskEvent,
} from "@jetscribe/schema";
import type { ApiKey } from "../keys/apiKeys.ts";
import { scheduleOf, type WaitLimits } from "./schedule.ts";

export interface Defaults extends WaitLimits {
  /** As people see it. */
  modelName: string;
  timeoutMs: number;
}

type Requested = Extract<TaskEvent, { type: "GenerateRequested" }>;

/**
 * `now` and `receivedAt`: in seconds since the epoch; the latter, when the call came in, is absent where that is hardly
 * before `now`. `retryOf`: the task that it repeats. Throws an ApiError where its times exclude each other.
 */
export function requestGenerate(
  request: GenerateRequest,
  key: ApiKey,
  { modelName, timeoutMs, ...waits }: Defaults,
  {
    taskId,
    retryOf,
    now,
    receivedAt,
    traceparent,
  }: {
    taskId: string;
    retryOf?: string | undefined;
    now: number;
    receivedAt?: number | undefined;
    traceparent?: string | undefined;
  },
): Requested {
  const data: GenerateRequested = {
    task_id: taskId,
    model: modelName,
    lane: request.lane,
    owner: key.name,
    params: paramsOf(request),
    // What it may ask for is up to what the system allows.
    timeout_ms: Math.min(request.timeout_ms ?? Infinity, timeoutMs),
    ...scheduleOf(request, waits, now),
    enqueue_time: now,
  };
  addOptional(data, request);
  const webhook = request.webhook ?? key.webhook;
  if (webhook !== undefined) data.webhook = webhook;
  if (retryOf !== undefined) data.retry_of = retryOf;
  if (receivedAt !== undefined) data.received_time = receivedAt;
  if (traceparent !== undefined) data.traceparent = traceparent;
  return { type: "GenerateRequested", data };
}

/** What only some requests say. Set one by one: to spread each of them takes ten times as long. */
function addOptional(data: GenerateRequested, request: GenerateRequest): void {
  const { prompt, messages, user_id, metadata } = request;
  const { result_ttl_ms, cancel_after_ms } = request;
  if (prompt !== undefined) data.prompt = prompt;
  else if (messages !== undefined) data.messages = messages;
  if (request.raw) data.raw = true;
  if (user_id !== undefined) data.user_id = user_id;
  if (metadata !== undefined) data.metadata = metadata;
  if (cancel_after_ms !== undefined) data.cancel_after_ms = cancel_after_ms;
  if (result_ttl_ms !== undefined) data.result_ttl_ms = result_ttl_ms;
  if (request.no_retry) data.no_retry = true;
  if (request.group !== undefined) Object.assign(data, groupOf(request));
}

/** What is said of a task's group, beyond the defaults. */
function groupOf({
  group,
  group_concurrency = 1,
  group_policy = "queue",
}: Pick<GenerateRequest, "group" | "group_concurrency" | "group_policy">): Pick<
  GenerateRequested,
  "group" | "group_concurrency" | "group_policy"
> {
  return {
    ...(group !== undefined && { group }),
    ...(group_concurrency > 1 && { group_concurrency }),
    ...(group_policy !== "queue" && { group_policy }),
  };
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

/** The request that an event came from: the model, and the times as they were granted, are in it by name. */
export function requestOf(data: GenerateRequested): GenerateBody {
  const { prompt, messages, raw, model, lane, params } = data;
  const { user_id, metadata, no_retry } = data;
  const { timeout_ms, start_timeout_ms } = data;
  const { cancel_after_ms, result_ttl_ms, not_before, webhook } = data;
  const common = { ...params, model, lane, timeout_ms, start_timeout_ms };
  return {
    ...common,
    ...(prompt === undefined ? { messages } : { prompt }),
    ...(raw && { raw }),
    ...(user_id !== undefined && { user_id }),
    ...(metadata !== undefined && { metadata }),
    ...(no_retry && { no_retry }),
    ...(not_before !== undefined && { not_before }),
    ...groupOf(data),
    ...(webhook !== undefined && { webhook }),
    ...(cancel_after_ms !== undefined && { cancel_after_ms }),
    ...(result_ttl_ms !== undefined && { result_ttl_ms }),
  };
}
