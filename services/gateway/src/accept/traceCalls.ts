/** The spans of a call that makes tasks: of the call itself, and of each request that it sends into the log. */
import { attr, messagingSystem, own } from "@jetscribe/otel/conventions";
import type { OpenSpan, SpanContext, Tracing } from "@jetscribe/otel/port";
import { readTraceparent, sendSpanId, traceparentOf } from "@jetscribe/runtime";
import {
  traceIdOf,
  type GenerateRequested,
  type Names,
} from "@jetscribe/schema";

/** A call that may make tasks. */
export interface TracedCall {
  method: string;
  route: string;
  path: string;
  /** By `performance.now()`. */
  arrivedAt: number;
  /** In the trace of the first task that it made. */
  span?: OpenSpan;
}

/** The request is on its way into the log. */
interface Sending {
  /** Goes with the request: whoever takes it goes on from there. */
  traceparent: string;
  /** The code of an AppendError where it is not known to be stored. */
  end(errorType?: string): void;
}

export type TraceCalls = ReturnType<typeof makeTraceCalls>;

export function makeTraceCalls(
  tracing: Pick<Tracing, "begin">,
  { streams }: Pick<Names, "streams">,
  nowS: () => number,
) {
  function spanOf(call: TracedCall, task: GenerateRequested): SpanContext {
    const { method, route, path, arrivedAt } = call;
    call.span ??= tracing.begin({
      name: `${method} ${route}`,
      kind: "server",
      parent: beginningOf(task),
      startS: nowS() - (performance.now() - arrivedAt) / 1_000,
      attributes: {
        [attr.httpMethod]: method,
        [attr.httpRoute]: route,
        [attr.urlScheme]: "http",
        [attr.urlPath]: path,
      },
    });
    return call.span.context;
  }

  /** `call`: absent where one call repeats many tasks, each in its own trace. */
  function send(task: GenerateRequested, call?: TracedCall): Sending {
    const cause = call && spanOf(call, task);
    const isOurs = cause?.traceId === traceIdOf(task);
    const span = tracing.begin({
      name: `send ${streams.events}`,
      kind: "producer",
      parent: cause && isOurs ? cause : beginningOf(task),
      spanId: sendSpanId(task),
      links: cause && !isOurs ? [cause] : [],
      // From here on it waits, and the span of that begins so too.
      startS: task.enqueue_time,
      attributes: {
        [attr.messagingSystem]: messagingSystem,
        [attr.messagingOperation]: "publish",
        [attr.messagingDestination]: streams.events,
        [own.taskId]: task.task_id,
        [attr.genAiRequestModel]: task.model,
      },
    });
    return {
      traceparent: traceparentOf(span.context),
      end: (errorType) => span.end({ endS: nowS(), errorType }),
    };
  }

  return {
    send,
    /** The call was answered. */
    answered({ span }: TracedCall, status: number): void {
      const errorType = status >= 500 ? String(status) : undefined;
      const attributes = { [attr.httpStatus]: status };
      span?.end({ endS: nowS(), errorType, attributes });
    },
  };
}

/** The client's span, or nothing before it. */
const beginningOf = (task: GenerateRequested) =>
  readTraceparent(task.traceparent) ?? { traceId: traceIdOf(task) };
