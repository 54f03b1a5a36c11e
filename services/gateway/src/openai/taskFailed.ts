/** An outcome that is no text, as an error of OpenAI's API. */
import type { ErrorType, OpenaiError } from "@jetscribe/schema";

const failures: Record<ErrorType, { status: number; code: string }> = {
  ValidationError: { status: 400, code: "invalid_prompt" },
  RuntimeError: { status: 500, code: "generation_failed" },
  WorkerCrashed: { status: 500, code: "generation_failed" },
  ModelLoadError: { status: 503, code: "model_not_loaded" },
  ExpiredError: { status: 503, code: "not_started_in_time" },
  TimeoutError: { status: 504, code: "timeout" },
};
const cancelled = { status: 409, code: "cancelled" };

/** The task has its outcome, and is never run again: a caller that sends the same request again makes another task. */
export class TaskFailed extends Error {
  override readonly name = "TaskFailed";
  /** Of the HTTP answer. */
  readonly status: number;
  readonly body: OpenaiError;
  /** Why it failed; absent: it was cancelled. */
  constructor(failure?: { type: ErrorType; message: string }) {
    const message = failure
      ? `${failure.type}: ${failure.message}`
      : "the task was cancelled";
    super(message);
    const { status, code } = failure ? failures[failure.type] : cancelled;
    this.status = status;
    const type = status === 400 ? "invalid_request_error" : "server_error";
    this.body = { error: { message, type, param: null, code } };
  }
}
