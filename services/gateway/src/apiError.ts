/** What a call can be refused for. The status and the title of each stand in `calls/problem.ts`. */
export type ApiErrorCode =
  | "invalid_request"
  | "unauthorized"
  /** The key has not the scope that the route asks for. */
  | "forbidden"
  | "not_found"
  | "method_not_allowed"
  | "already_ended"
  | "not_ended"
  /** The log has dropped what the call needs of the task. */
  | "gone"
  /** The name is another key's, or the key can't be changed through the API. */
  | "key_conflict"
  /** The idempotency key came with another request before. */
  | "idempotency_key_reused"
  | "too_large"
  | "unsupported_media_type"
  | "rate_limited"
  | "token_budget_spent"
  | "too_many_tasks"
  | "queue_full"
  | "log_full"
  /** Nothing was stored; the same call may work later. */
  | "unavailable"
  /** The broker did not say whether it stored the request; `task_id` tells it by and by. */
  | "maybe_accepted";

export interface FieldError {
  field: string;
  message: string;
}

interface Facts {
  fields?: FieldError[];
  taskId?: string;
  retryAfterS?: number;
  /** The limit that was reached, by the name of its setting. */
  limit?: { name: string; value: number };
  /** Of the answer. */
  headers?: Readonly<Record<string, string>>;
  cause?: unknown;
}

export class ApiError extends Error {
  override readonly name = "ApiError";
  readonly code: ApiErrorCode;
  readonly facts: Facts;
  constructor(code: ApiErrorCode, detail: string, facts: Facts = {}) {
    super(detail, { cause: facts.cause });
    this.code = code;
    this.facts = facts;
  }
}

/** The broker or Redis is away, or too slow to be waited for. */
export const unavailable = (detail: string, cause?: unknown): ApiError =>
  new ApiError("unavailable", detail, { retryAfterS: 2, cause });
