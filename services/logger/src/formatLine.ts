/** Pure: the end of a task, as a line of `llm_requests.log` and as an entry of `errors.log`. No line end at the end. */
import type { EndedTask, FailedTask } from "@jetscribe/schema";
import { indent, quote } from "./escape.ts";

const statusWord = {
  completed: "success",
  failed: "failed",
  cancelled: "cancelled",
} as const;

/** The line of a task that has ended; `withResult` adds the text of a completed one. */
export function formatLine(task: EndedTask, withResult: boolean): string {
  return withResult && task.status === "completed"
    ? `${head(task)} result=${quote(task.result)}`
    : head(task);
}

/** The entry of a failed task: the same head, and below it the message and the traceback. */
export const formatError = (task: FailedTask, traceback: string): string =>
  [head(task), ...indent(task.error.message), ...indent(traceback)].join("\n");

function head(task: EndedTask): string {
  const { metrics } = task;
  const line =
    `[${utc(task.end_time)}] task_id=${task.task_id} status=${statusWord[task.status]}` +
    ` prompt_tokens=${metrics.prompt_tokens} completion_tokens=${metrics.completion_tokens}` +
    ` tokens_per_sec=${metrics.tokens_per_second.toFixed(2)} queue_wait=${metrics.queue_wait_time.toFixed(2)}s` +
    ` processing_time=${metrics.processing_time.toFixed(2)}s total_time=${metrics.total_time.toFixed(2)}s`;
  const error = task.status === "failed" ? ` error=${task.error.type}` : "";
  const user =
    task.user_id === undefined ? "" : ` user_id=${quote(task.user_id)}`;
  // A GenerateCancelled names no attempt, and the starts before it are not read.
  const attempt = task.status === "cancelled" ? "" : ` attempt=${task.attempt}`;
  return `${line}${error}${user} model=${quote(task.model)}${attempt}`;
}

/** `2025-11-21 15:30:45`, of seconds since the epoch. */
const utc = (time: number): string =>
  new Date(time * 1000).toISOString().slice(0, 19).replace("T", " ");
