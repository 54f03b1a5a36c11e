/** How refusals and failures are answered. What they say stands in `calls/problem.ts`. */
import type { Logger } from "@jetscribe/runtime";
import type { FastifyError, FastifyReply, FastifyRequest } from "fastify";
import { ApiError, type ApiErrorCode } from "../apiError.ts";
import { logFailure, problemOf, problemPath, urn } from "../calls/problem.ts";
import { unsupportedType } from "./body.ts";
import { isOpenaiPath, openaiErrorOf } from "./openai/openaiError.ts";
import { answerUnread, isUnread } from "./unreadBodies.ts";

export const problemType = "application/problem+json; charset=utf-8";

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
    logFailure(log, error, status, {
      route: request.routeOptions.url,
      traceparent: (request.headers as { traceparent?: string }).traceparent,
    });
    if (error instanceof ApiError) {
      const { retryAfterS, headers = {} } = error.facts;
      void reply.headers(headers);
      if (retryAfterS !== undefined)
        void reply.header("retry-after", String(retryAfterS));
    }
    if (status === 401) void reply.header("www-authenticate", "Bearer");
    sendRefusal(reply, error, problem);
    return reply;
  };
}

/** Answers with the problem, in the form of the call's API. */
export function sendRefusal(
  reply: FastifyReply,
  error: FastifyError | ApiError,
  problem = problemOf(error),
): void {
  const { type } = problem;
  if (type.startsWith(urn)) {
    const { publicPath } = reply.server;
    const page = problemPath(type.slice(urn.length) as ApiErrorCode);
    void reply.header("link", `<${publicPath}${page}>; rel="help"`);
  }
  if (isOpenaiPath(reply.request.url)) {
    const { status, body } = openaiErrorOf(error, problem);
    void reply.code(status).type("application/json; charset=utf-8");
    sendText(reply, JSON.stringify(body));
  } else {
    void reply.code(problem.status).type(problemType);
    sendText(reply, JSON.stringify(problem));
  }
}

function sendText(reply: FastifyReply, text: string): void {
  const isWhole = !isUnread(reply.request.raw);
  void reply.send(isWhole ? text : answerUnread(reply, text));
}

/** fastify names no header. */
const asOurs = (error: FastifyError | ApiError): FastifyError | ApiError =>
  error.code === "FST_ERR_CTP_INVALID_MEDIA_TYPE" ? unsupportedType() : error;
