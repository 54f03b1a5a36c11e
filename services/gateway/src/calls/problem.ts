/** The one table from what went wrong to what is answered: RFC 9457 problem details. */
import type { Logger } from "@jetscribe/runtime";
import { aboutTask, isTraceparent, type Problem } from "@jetscribe/schema";
import { STATUS_CODES } from "node:http";
import { ApiError, type ApiErrorCode } from "../apiError.ts";

interface ProblemKind {
  status: number;
  title: string;
  /** What happened, and what the caller should do: on the problem's own page. */
  means: string;
  remedy: string;
  /** What else an example of it holds. */
  example: Pick<Problem, "detail" | "limit" | "task_id" | "errors">;
}

const table = {
  invalid_request: {
    status: 400,
    title: "The request is invalid",
    means:
      "The body, the query, the path or a header is not what the call takes. Nothing was stored.",
    remedy:
      "Correct every field that `errors` names. The same request again gets the same answer.",
    example: {
      detail: "see: max_tokens, colour",
      errors: [
        {
          field: "max_tokens",
          message: "Too small: expected number to be >=1",
        },
        { field: "colour", message: "unknown field" },
      ],
    },
  },
  unauthorized: {
    status: 401,
    title: "No valid API key",
    means: "The request has no API key, or one that this system does not know.",
    remedy:
      "Send a valid key as `X-API-Key: KEY` or as `Authorization: Bearer KEY`.",
    example: {
      detail: "send an API key as X-API-Key or as Authorization: Bearer",
    },
  },
  forbidden: {
    status: 403,
    title: "The key lacks a scope",
    means:
      "The key is valid, and may not make this call: it lacks the scope that the call needs.",
    remedy: "Use a key with the scope that `detail` names.",
    example: { detail: "the key has no scope cancel" },
  },
  not_found: {
    status: 404,
    title: "Not found",
    means:
      "The path leads nowhere, or there is no such task for this key. The task of another key gets the same answer.",
    remedy: "Check the path, the id, and that the key is the one that made it.",
    example: { detail: "no such task" },
  },
  method_not_allowed: {
    status: 405,
    title: "Method not allowed",
    means: "The path is there, and takes other methods.",
    remedy: "Use a method that the header `Allow` names.",
    example: { detail: "this path takes POST, not GET" },
  },
  already_ended: {
    status: 409,
    title: "The task has its outcome",
    means: "The task completed or failed before it could be cancelled.",
    remedy: "Read the result.",
    example: { detail: "the task is completed" },
  },
  not_ended: {
    status: 409,
    title: "The task has no outcome yet",
    means: "The task waits or runs, and only an ended task can be run again.",
    remedy: "Wait for the outcome, or cancel the task.",
    example: { detail: "the task is processing" },
  },
  gone: {
    status: 410,
    title: "No longer in the log",
    means: "The log has dropped the events of the task that the call needs.",
    remedy: "Send the prompt as a new request.",
    example: { detail: "the log has the task's request no more" },
  },
  key_conflict: {
    status: 409,
    title: "The keys do not allow it",
    means:
      "Another key has or had this name, or the key is revoked or stands in `API_KEYS`. Nothing was changed.",
    remedy:
      "Choose another name, or send `rotate` if the new key is to share the name and the tasks. A key of `API_KEYS` is changed there.",
    example: {
      detail:
        "another key has this name, or had it; with `rotate` both have it, and see the same tasks",
    },
  },
  too_large: {
    status: 413,
    title: "Too large",
    means:
      "The broker takes no event of this size, or the request may take more tokens than the key has for a day: nothing was stored. Or, of a call on NATS, the answer is larger than a message of the broker.",
    remedy:
      "Send a smaller prompt, or ask for a smaller `max_tokens`. Read a result that no message holds by REST.",
    example: {
      detail: "the event has 1049001 bytes; the broker takes 1048576",
    },
  },
  unsupported_media_type: {
    status: 415,
    title: "Unsupported media type",
    means: "The body is not plain JSON in UTF-8.",
    remedy:
      "Send `Content-Type: application/json`, not compressed and in no other charset.",
    example: { detail: "Content-Type: expected application/json" },
  },
  idempotency_key_reused: {
    status: 422,
    title: "The idempotency key belongs to another request",
    means:
      "The same `Idempotency-Key` came with another request within 24 hours. Nothing was stored.",
    remedy: "Send a new key with a new request.",
    example: {
      detail:
        "this Idempotency-Key came with another request before: a new request needs a new key",
    },
  },
  too_many_tasks: {
    status: 429,
    title: "Too many unfinished tasks",
    means: "The key has as many unfinished tasks as it may have.",
    remedy:
      "Wait until tasks of the key have ended; `Retry-After` says how long.",
    example: {
      detail: "100 tasks of this key are unfinished already",
      limit: { name: "MAX_TASKS_PER_KEY", value: 100 },
    },
  },
  rate_limited: {
    status: 429,
    title: "Too many requests",
    means:
      "The key made as many calls as it may make in a minute, or its address made too many calls without a valid key. Nothing was stored.",
    remedy:
      "Come back after `Retry-After` seconds. To wait for a result, use `wait` or a stream instead of many calls.",
    example: {
      detail: "this key may make 60 calls a minute",
      limit: { name: "REQUESTS_PER_MINUTE", value: 60 },
    },
  },
  token_budget_spent: {
    status: 429,
    title: "The day's tokens are spent",
    means:
      "What the key's tasks took today (UTC), and what its open tasks and this one may take, is more than the key has for a day. Nothing was stored.",
    remedy:
      "Come back after `Retry-After` seconds: soon where open tasks may give tokens back, else when the day is over. Or ask for a smaller `max_tokens`.",
    example: {
      detail:
        "99000 tokens of today are spent and 600 are reserved for open tasks; this request may take 530",
      limit: { name: "TOKENS_PER_DAY", value: 100_000 },
    },
  },
  unavailable: {
    status: 503,
    title: "Temporarily unavailable",
    means:
      "The broker or Redis can't be reached, or the gateway is stopping. Nothing was stored.",
    remedy: "Come back after `Retry-After` seconds.",
    example: { detail: "the broker can't be reached" },
  },
  queue_full: {
    status: 503,
    title: "The queue is full",
    means: "As many tasks wait as may wait. Nothing was stored.",
    remedy: "Come back after `Retry-After` seconds.",
    example: {
      detail: "1000 tasks wait already",
      limit: { name: "MAX_QUEUE_DEPTH", value: 1000 },
    },
  },
  log_full: {
    status: 503,
    title: "The log is full",
    means:
      "The log has no room for more requests and their outcomes. Nothing was stored.",
    remedy: "Come back after `Retry-After` seconds.",
    example: { detail: "the log has no room for more requests" },
  },
  maybe_accepted: {
    status: 503,
    title: "The request may have been accepted",
    means:
      "The broker did not say in time whether it stored the request. The task runs if it did.",
    remedy:
      "Ask `/result` for the `task_id` in the answer, or send the same call with the same `Idempotency-Key` again.",
    example: {
      detail:
        "the broker did not answer in time: the request may have been accepted; GET /result of its task_id tells",
      task_id: "01a223a2-500a-7000-b91f-8c3d85cca0f1",
    },
  },
} as const satisfies Record<ApiErrorCode, ProblemKind>;

const kinds: Readonly<Record<ApiErrorCode, ProblemKind>> = table;
export const problemCodes = Object.keys(table) as ApiErrorCode[];
export const problemKind = (code: ApiErrorCode): ProblemKind => kinds[code];
/** Throws where no problem has this status. */
export function firstProblemOf(status: number): ApiErrorCode {
  const code = problemCodes.find((code) => kinds[code].status === status);
  if (code === undefined)
    throw new Error(`no problem has the status ${status}`);
  return code;
}
/** The status that a problem is answered with; a status is its own. */
export type StatusOf<What extends ApiErrorCode | number> =
  What extends ApiErrorCode ? (typeof table)[What]["status"] : What;

export const urn = "urn:jetscribe:problem:";
const typeOf = (code: ApiErrorCode) => `${urn}${code}`;
/** Where a problem is explained, from the gateway's own root. */
export const problemPath = (code: ApiErrorCode) => `/docs/problems/${code}`;

/** What a problem looks like: with every field that it may have. */
export const exampleOf = (code: ApiErrorCode): Problem => {
  const { status, title, example } = kinds[code];
  return { type: typeOf(code), title, status, ...example };
};

/** Every `type` that a problem can have; the last one is of those that say no more than their status. */
export const problemTypes: readonly string[] = [
  ...problemCodes.map(typeOf),
  "about:blank",
];

/** A failure that is nobody's mistake but ours. */
export function logFailure(
  log: Logger,
  error: Error,
  status: number,
  { route, traceparent }: { route: string | undefined; traceparent?: string | undefined }, // prettier-ignore
): void {
  // Of limits the answer says it all, and there may be many.
  if (status < 500 || (error instanceof ApiError && error.facts.limit)) return;
  const facts = { err: error, status, route, ...taskOf(error, traceparent) };
  if (error instanceof ApiError) log.warn(facts, "a call was refused");
  else log.error(facts, "a call failed");
}

/** The task that a refused call may have made all the same. */
function taskOf(error: Error, traceparent = "") {
  const taskId = error instanceof ApiError ? error.facts.taskId : undefined;
  if (taskId === undefined) return {};
  return aboutTask({
    task_id: taskId,
    ...(isTraceparent(traceparent) && { traceparent }),
  });
}

export function problemOf(error: Error & { statusCode?: number }): Problem {
  if (error instanceof ApiError) {
    const { status, title } = kinds[error.code];
    const { fields, taskId, limit } = error.facts;
    return {
      type: typeOf(error.code),
      title,
      status,
      detail: error.message,
      limit,
      task_id: taskId,
      errors: fields,
    };
  }
  // fastify's own refusals: broken JSON, a body over the limit, another content type …
  const status = error.statusCode ?? 500;
  const title = STATUS_CODES[status] ?? "Error";
  const refused = status >= 400 && status < 500;
  const detail = refused ? error.message : "an unexpected error";
  return { type: "about:blank", title, status, detail };
}
