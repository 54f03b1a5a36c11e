/** Which trace a task belongs to: that of the call that made it, if the call named one, else one with the task's own id. */

/** W3C Trace Context, version 00; an id of zeros is none. */
const valid = /^00-(?!0{32})[0-9a-f]{32}-(?!0{16})[0-9a-f]{16}-[0-9a-f]{2}$/;

/** Whether a header `traceparent` names a trace. */
export const isTraceparent = (header: string): boolean => valid.test(header);

/** What tells a task's trace. */
export interface Traced {
  task_id: string;
  /** Of the call that made it. */
  traceparent?: string | undefined;
}

/** 32 hex digits. A task id is a UUID, whose 128 bits are those of a trace id. */
export const traceIdOf = ({ task_id, traceparent }: Traced): string =>
  traceparent?.slice(3, 35) ?? task_id.replaceAll("-", "");

/** What a log record says of the task that it concerns. */
export const aboutTask = (task: Traced) => ({
  task_id: task.task_id,
  trace_id: traceIdOf(task),
});
