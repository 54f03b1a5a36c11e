/** The spans of an attempt, made when the event that ends it is in the log, out of the times that the events have. */
import {
  attr,
  genAiProvider,
  messagingSystem,
  own,
} from "@jetscribe/otel/conventions";
import type {
  Attributes,
  NewSpan,
  SpanContext,
  Tracing,
} from "@jetscribe/otel/port";
import {
  attemptSpanId,
  readTraceparent,
  traceparentOf,
} from "@jetscribe/runtime";
import {
  traceIdOf,
  waitsFrom,
  type Names,
  type TaskEvent,
  type TaskState,
} from "@jetscribe/schema";
import type { WorkItem } from "@jetscribe/event-log/work/consume";
import type { TaskInHand } from "../ownership/taskInHand.ts";

type Of<Type extends TaskEvent["type"]> = Extract<TaskEvent, { type: Type }>;
type Ending = Exclude<
  TaskEvent,
  { type: "GenerateRequested" | "GenerateStarted" }
>;

export type TraceAttempts = ReturnType<typeof makeTraceAttempts>;

export function makeTraceAttempts(
  tracing: Pick<Tracing, "begin">,
  { streams, workConsumerName }: Names,
) {
  const stream = streams.events;
  const workQueue = ({ item }: TaskInHand) => workConsumerName(item.queue);

  const causes = new WeakMap<WorkItem, NewSpan["parent"]>();

  /** The span that sent the request; only the id of the trace where that one was not traced. */
  function causeOf({ item }: TaskInHand): NewSpan["parent"] {
    const known = causes.get(item);
    if (known !== undefined) return known;
    const cause = readTraceparent(item.traceparent) ?? {
      traceId: traceIdOf(item.event.data),
    };
    causes.set(item, cause);
    return cause;
  }

  const contextOf = (inHand: TaskInHand, attempt: number): SpanContext => ({
    ...{ sampled: true, ...causeOf(inHand) },
    spanId: attemptSpanId(inHand.state.task.task_id, attempt),
  });

  /** The time that the task waited before an attempt; `before`: as it was then. */
  function waited(
    inHand: TaskInHand,
    before: TaskState,
    { attempt, start_time }: Of<"GenerateStarted">["data"],
  ): void {
    const span = tracing.begin({
      name: "queue",
      kind: "internal",
      parent: causeOf(inHand),
      startS: before.since ?? waitsFrom(before),
      attributes: {
        [attr.messagingConsumerGroup]: workQueue(inHand),
        [own.attempt]: attempt,
      },
    });
    span.end({ endS: start_time });
  }

  /** `task`: as it was when the attempt ended; `how`: the event that says so, absent where it is not this worker's. */
  function ended(
    inHand: TaskInHand,
    task: TaskState,
    { endS, how }: { endS: number; how?: Ending | undefined },
  ): void {
    const { attempt, first_start, since: startS = first_start } = task;
    // It never ran: there is no attempt that could end.
    if (startS === undefined || task.status === "queued") return;
    const ranHere = inHand.ranHere === attempt;
    const process = tracing.begin({
      name: `process ${stream}`,
      kind: "consumer",
      parent: causeOf(inHand),
      spanId: attemptSpanId(task.task_id, attempt),
      links: linksOf(inHand, attempt),
      startS,
      attributes: {
        [attr.messagingSystem]: messagingSystem,
        [attr.messagingOperation]: "process",
        [attr.messagingDestination]: stream,
        [own.taskId]: task.task_id,
        [own.attempt]: attempt,
        [own.workerId]: "worker_id" in task ? task.worker_id : undefined,
        [own.attemptEnd]: endOf(how),
        ...(ranHere && askedOf(inHand.item.event.data)),
        ...(ranHere && madeOf(how)),
      },
    });
    if (ranHere) generated(inHand, process.context, { startS, endS });
    process.end({ endS, errorType: errorOf(how) });
  }

  /** To the request, and to the attempt before. */
  function linksOf(inHand: TaskInHand, attempt: number): SpanContext[] {
    const cause = causeOf(inHand);
    const request = "spanId" in cause ? [cause] : [];
    return attempt > 1 ? [...request, contextOf(inHand, attempt - 1)] : request;
  }

  /** What the engine did: it read the prompt until the first token, and wrote from then on. */
  function generated(
    { firstTokenAt }: TaskInHand,
    parent: SpanContext,
    { startS, endS }: { startS: number; endS: number },
  ): void {
    const part = (name: string, fromS: number, toS: number) =>
      tracing
        .begin({
          ...{ name, kind: "internal", parent, startS: fromS },
          attributes: {},
        })
        .end({ endS: toS });
    part("prefill", startS, firstTokenAt ?? endS);
    if (firstTokenAt !== undefined) part("decode", firstTokenAt, endS);
  }

  return {
    waited,
    ended,
    /** The header of an event that this attempt is the cause of. */
    traceparent: (inHand: TaskInHand, attempt: number): string | undefined =>
      attempt === 0
        ? inHand.item.traceparent
        : traceparentOf(contextOf(inHand, attempt)),
  };
}

const askedOf = ({
  model,
  raw,
  params,
}: Of<"GenerateRequested">["data"]): Attributes => ({
  [attr.genAiOperation]: raw ? "text_completion" : "chat",
  [attr.genAiProvider]: genAiProvider,
  [attr.genAiRequestModel]: model,
  [attr.genAiMaxTokens]: params.max_tokens,
});

function madeOf(how: Ending | undefined): Attributes {
  if (how === undefined || !("metrics" in how.data)) return {};
  const { prompt_tokens, completion_tokens } = how.data.metrics;
  const counts = {
    [attr.genAiInputTokens]: prompt_tokens,
    [attr.genAiOutputTokens]: completion_tokens,
  };
  if (how.type !== "GenerateCompleted") return counts;
  const { finish_reason, cached_tokens } = how.data;
  return {
    ...counts,
    [attr.genAiFinishReasons]: [finish_reason],
    [attr.genAiCachedTokens]: cached_tokens,
  };
}

/** `stopped`: somebody else ended the task, as a cancel does. */
function endOf(how: Ending | undefined): string {
  switch (how?.type) {
    case undefined:
      return "stopped";
    case "GenerateRetried":
      return how.data.reason;
    case "GenerateCompleted":
      return "completed";
    case "GenerateFailed":
      return "failed";
    case "GenerateCancelled":
      return "cancelled";
  }
}

function errorOf(how: Ending | undefined): string | undefined {
  if (how?.type === "GenerateRetried") return how.data.reason;
  return how?.type === "GenerateFailed" ? how.data.error.type : undefined;
}
