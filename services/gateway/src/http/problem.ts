/** The one table from what went wrong to what is answered: RFC 9457 problem details. */
import type { Logger } from "@jetscribe/runtime";
import type { Problem } from "@jetscribe/schema";
import type { FastifyError, FastifyReply, FastifyRequest } from "fastify";
import { STATUS_CODES } from "node:http";
import { ApiError, type ApiErrorCode } from "../apiError.ts";
import { unsupportedType } from "./body.ts";
import { answerUnread, isUnread } from "./unreadBodies.ts";

export const problemType = "application/problem+json; charset=utf-8";

const table: Record<ApiErrorCode, { status: number; title: string }> = {
  invalid_request: { status: 400, title: "The request is invalid" },
  unauthorized: { status: 401, title: "No valid API key" },
  not_found: { status: 404, title: "Not found" },
  method_not_allowed: { status: 405, title: "Method not allowed" },
  already_ended: { status: 409, title: "The task has its outcome" },
  too_large: { status: 413, title: "The request is too large" },
  unsupported_media_type: { status: 415, title: "Unsupported media type" },
  idempotency_key_reused: {
    status: 422,
    title: "The idempotency key belongs to another request",
  },
  too_many_tasks: { status: 429, title: "Too many unfinished tasks" },
  log_full: { status: 503, title: "The log is full" },
  queue_full: { status: 503, title: "The queue is full" },
  unavailable: { status: 503, title: "Temporarily unavailable" },
  maybe_accepted: { status: 503, title: "The request may have been accepted" },
};

const typeOf = (code: ApiErrorCode) => `urn:jetscribe:problem:${code}`;

/** Every `type` that a problem can have; the last one is of those that say no more than their status. */
export const problemTypes: readonly string[] = [
  ...(Object.keys(table) as ApiErrorCode[]).map(typeOf),
  "about:blank",
];

/** Answers every error; those that are nobody's mistake but ours are logged. */
export function makeErrorHandler(log: Logger) {
  return (
    given: FastifyError | ApiError,
    request: FastifyRequest,
    reply: FastifyReply,
  ): FastifyReply => {
    const error = asOurs(given);
    const problem = problemOf(error);
    const { status } = problem;
    // Of limits the answer says it all, and there may be many.
    const isLimit = error instanceof ApiError && error.facts.limit;
    if (status >= 500 && !isLimit) {
      const facts = { err: error, status, route: request.routeOptions.url };
      if (error instanceof ApiError) log.warn(facts, "a call was refused");
      else log.error(facts, "a call failed");
    }
    if (error instanceof ApiError) {
      const { retryAfterS, headers = {} } = error.facts;
      void reply.headers(headers);
      if (retryAfterS !== undefined)
        void reply.header("retry-after", String(retryAfterS));
    }
    if (status === 401) void reply.header("www-authenticate", "Bearer");
    sendProblem(reply, problem);
    return reply;
  };
}

export function sendProblem(reply: FastifyReply, problem: Problem): void {
  void reply.code(problem.status).type(problemType);
  const text = JSON.stringify(problem);
  const isWhole = !isUnread(reply.request.raw);
  void reply.send(isWhole ? text : answerUnread(reply, text));
}

/** fastify names no header. */
const asOurs = (error: FastifyError | ApiError): FastifyError | ApiError =>
  error.code === "FST_ERR_CTP_INVALID_MEDIA_TYPE" ? unsupportedType() : error;

export function problemOf(error: FastifyError | ApiError): Problem {
  if (error instanceof ApiError) {
    const { status, title } = table[error.code];
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
