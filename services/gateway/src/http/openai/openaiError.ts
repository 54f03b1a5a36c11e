/** Refusals of the calls under `/v1`: as OpenAI's API has them, where all others are problem details. */
import type { OpenaiError, Problem } from "@jetscribe/schema";
import { UnknownModel } from "../../accept/models.ts";
import { ApiError } from "../../apiError.ts";

/** Whether the call is one of OpenAI's API, or would like to be. By its path without the public one. */
export const isOpenaiPath = (path: string): boolean =>
  /^\/+v1(?:[/?]|$)/.test(path);

/** OpenAI's own word, where there is one; else ours. */
function codeOf(error: unknown, status: number): string | null {
  if (error instanceof UnknownModel) return "model_not_found";
  if (status === 401) return "invalid_api_key";
  if (status === 429) return "rate_limit_exceeded";
  return error instanceof ApiError ? error.code : null;
}

/** The same refusal in the other form, with its status. */
export function openaiErrorOf(
  error: unknown,
  problem: Problem,
): { status: number; body: OpenaiError } {
  const status = error instanceof UnknownModel ? 404 : problem.status;
  const { title, detail = title, errors = [] } = problem;
  const listed = errors.map(({ field, message }) => `${field}: ${message}`);
  return {
    status,
    body: {
      error: {
        message: listed.join("; ") || detail,
        type: typeOf(status),
        param: errors[0]?.field ?? null,
        code: codeOf(error, status),
      },
    },
  };
}

function typeOf(status: number): OpenaiError["error"]["type"] {
  if (status === 429) return "rate_limit_error";
  return status < 500 ? "invalid_request_error" : "server_error";
}
