/**
 * The spans of a task, as every service refers to them. Their ids come out of the task's own, so that a service can name
 * the parent of a span, or the attempt before, though the process that made that one is dead:
 *
 *   POST /generate ─▶ send ─┬▶ queue                     (one for each attempt)
 *                           └▶ process, an attempt ─┬▶ prefill, decode
 *                                                   └▶ process, by results and by logger
 */
import type { SpanContext, Tracing } from "@jetscribe/otel/port";
import { isTraceparent, traceIdOf, type Traced } from "@jetscribe/schema";

/** The span in which the gateway sent the request: the last half of the task's id. It begins with 8, 9, a or b. */
export const sendSpanId = ({ task_id }: Pick<Traced, "task_id">): string =>
  task_id.slice(19, 23) + randomOf(task_id);

/** The span of an attempt, which are far fewer than 32,768. */
export const attemptSpanId = (taskId: string, attempt: number): string =>
  attempt.toString(16).padStart(4, "0") + randomOf(taskId);

/** The span in which a service projected the task's outcome. */
export const projectionSpanId = (
  taskId: string,
  service: keyof typeof projections,
): string => projections[service] + randomOf(taskId);

const projections = { results: "f001", logger: "f002" };

/** The last 48 bits of a task's id: they are random, so two tasks of one trace have other spans. */
const randomOf = (taskId: string): string => taskId.slice(24);

/** Undefined: the header is none, or not there. */
export function readTraceparent(
  header: string | undefined,
): SpanContext | undefined {
  if (header === undefined || !isTraceparent(header)) return undefined;
  return {
    traceId: header.slice(3, 35),
    spanId: header.slice(36, 52),
    sampled: (parseInt(header.slice(53), 16) & 1) === 1,
  };
}

export const traceparentOf = ({
  traceId,
  spanId,
  sampled,
}: SpanContext): string => `00-${traceId}-${spanId}-${sampled ? "01" : "00"}`;

/** The header of an event that no attempt is the cause of, as a cancel: it goes on from the request. */
export type TraceparentOf = (task: Traced) => string | undefined;

export function makeTraceparentOf(
  tracing: Pick<Tracing, "begin"> | undefined,
): TraceparentOf {
  if (tracing === undefined) return ({ traceparent }) => traceparent;
  return (task) => {
    const id = { traceId: traceIdOf(task), spanId: sendSpanId(task) };
    const sampled = readTraceparent(task.traceparent)?.sampled;
    return traceparentOf({ ...id, sampled: sampled ?? isSampled(id.traceId) });
  };

  /** What the sampler says of a trace that begins here. The span never ends, so it is never exported. */
  function isSampled(traceId: string): boolean {
    const parent = { traceId };
    const span = { name: "", kind: "internal", startS: 0 } as const;
    return (
      tracing?.begin({ ...span, parent, attributes: {} }).context.sampled ===
      true
    );
  }
}
