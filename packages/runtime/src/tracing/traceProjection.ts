/** What a projection says of the outcomes that it has read: one span for each, in the task's own trace. */
import { attr, messagingSystem, own } from "@jetscribe/otel/conventions";
import type { Tracing } from "@jetscribe/otel/port";
import { kinds, parseEventSubject, traceIdOf } from "@jetscribe/schema";
import { projectionSpanId, readTraceparent } from "./taskSpans.ts";

/** An event as the broker delivers it. */
interface Message {
  subject: string;
  header(name: string): string;
}

/** Called when what a batch says is stored; `began`: when the batch was there, by `performance.now()`. */
export type TraceProjection = (
  messages: readonly Message[],
  began: number,
) => void;

export const makeTraceProjection =
  (
    tracing: Tracing,
    {
      service,
      stream,
      nowS = () => Date.now() / 1_000,
    }: {
      service: "results" | "logger";
      stream: string;
      nowS?: () => number;
    },
  ): TraceProjection =>
  (messages, began) => {
    const endS = nowS();
    const startS = endS - (performance.now() - began) / 1_000;
    for (const message of messages) {
      const type = parseEventSubject(message.subject)?.type;
      if (type === undefined || !kinds[type].outcome) continue;
      const task_id = message.header("ce-subject");
      const cause = readTraceparent(message.header("traceparent"));
      const span = tracing.begin({
        name: `process ${stream}`,
        kind: "consumer",
        parent: cause ?? { traceId: traceIdOf({ task_id }) },
        links: cause === undefined ? [] : [cause],
        spanId: projectionSpanId(task_id, service),
        startS,
        attributes: {
          [attr.messagingSystem]: messagingSystem,
          [attr.messagingOperation]: "process",
          [attr.messagingDestination]: stream,
          [attr.messagingConsumerGroup]: service,
          [own.taskId]: task_id,
          [own.eventType]: type,
        },
      });
      span.end({ endS });
    }
  };
