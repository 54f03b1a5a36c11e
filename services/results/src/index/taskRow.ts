/**
 * Pure: what the index knows of a task, folded from its events by their subjects and headers. It follows the rules of
 * `evolve`: only a request makes a task, the first outcome counts, and a start or a retry counts if it is past what was.
 */
import {
  errorMessageOf,
  errorTypeOf,
  labelsOf,
  scheduledTimeOf,
  type Labels as HeaderLabels,
} from "@jetscribe/event-log/codec/attributes";
import type { Delivery } from "@jetscribe/event-log/read/pull";
import {
  errorTextOf,
  parseEventSubject,
  type ErrorType,
  type EventType,
  type GenerateRequested,
  type Queue,
  type TaskStatus,
} from "@jetscribe/schema";
import { forkOf } from "./snapshots.ts";
import type { Change } from "../statistics/bucket.ts";

/** By the numbers that stand in the file. */
export const statuses = [
  "queued",
  "processing",
  "completed",
  "failed",
  "cancelled",
] as const satisfies readonly TaskStatus[];
const [queued, processing] = [0, 1];

/** What tasks are listed by, beside their queue and status. */
export type Labels = HeaderLabels &
  Pick<GenerateRequested, "group"> & {
    /** How long its not_before was ahead, in seconds: the statistics want that, and no list tells it. */
    scheduled_time?: number;
  };

export interface TaskRow {
  /** The sequences of all its events, in order. */
  seqs: number[];
  /** Its queue's number; 0: the index has not seen its request, so it is not a task yet. */
  queue: number;
  /** Of `statuses`. */
  status: number;
  /** 2n - 1: attempt n runs; 2n: it was given up; 0: it was never started. Grows only. */
  progress: number;
  /** When the broker stored its request, its first start and its outcome, in seconds since the epoch. */
  requestedAt: number;
  startedAt: number | null;
  endedAt: number | null;
  error: ErrorType | null;
  /** Of a failure that is not in the file yet: what a search looks into. */
  errorText?: string;
  labels?: Labels | undefined;
  /** The sequence of the event that made the status; 0: it is not a task yet. */
  since: number;
  /** What it was before, where a snapshot has to know that; those that are not in the file yet. */
  stays?: Stay[] | undefined;
}

/** What a task was from one sequence on until before another one. */
export interface Stay extends Pick<
  TaskRow,
  "queue" | "status" | "progress" | "startedAt" | "since"
> {
  until: number;
}

export const newRow = (): TaskRow => ({
  ...{ seqs: [], queue: 0, status: queued, progress: 0 },
  ...{ requestedAt: 0, startedAt: null, endedAt: null, error: null },
  since: 0,
});

/** Whether more is to come of the task. */
export const isOpen = ({ status }: Pick<TaskRow, "status">): boolean =>
  status <= processing;

/** Undefined: it has ended, or is no task yet. */
export const openStateOf = ({
  queue,
  status,
}: Pick<TaskRow, "queue" | "status">): Change["now"] => {
  if (queue === 0) return undefined;
  if (status === queued) return "waiting";
  return status === processing ? "running" : undefined;
};

/** Starts so far. */
export const attemptOf = ({ progress }: Pick<TaskRow, "progress">): number =>
  Math.ceil(progress / 2);

type Outcome = "completed" | "failed" | "cancelled";
const outcomes: Partial<Record<EventType, Outcome>> = {
  GenerateCompleted: "completed",
  GenerateFailed: "failed",
  GenerateCancelled: "cancelled",
};

/** What an event made of its task. */
export type Happening = Change["kind"];

type Message = Pick<Delivery, "seq" | "subject" | "time" | "header">;

/** Takes an event into its task's row. `id`: the event's; `numberOf` gives a queue its number. Undefined: nothing changed. */
export function foldInto(
  row: TaskRow,
  message: Message,
  id: string,
  numberOf: (queue: Queue) => number,
): Happening | undefined {
  row.seqs.push(message.seq);
  const parsed = parseEventSubject(message.subject);
  if (parsed === undefined) return undefined;
  const { type, queue } = parsed;
  if (type === "GenerateRequested") {
    if (row.queue !== 0) return undefined;
    row.queue = numberOf(queue);
    row.requestedAt = message.time;
    row.since = message.seq;
    const { group } = queue;
    row.labels = withSchedule(labelsOf(message), message);
    if (group !== undefined) row.labels = { ...row.labels, group };
    return "accepted";
  }
  if (row.queue === 0 || !isOpen(row)) return undefined;
  if (type === "GenerateStarted")
    return start(row, 2 * attemptIn(id) - 1, message);
  if (type === "GenerateRetried")
    return giveUp(row, 2 * attemptIn(id), message);
  return end(row, outcomes[type] ?? "failed", message);
}

/** Of an earlier version it is told from when the request was stored, some milliseconds behind its acceptance. */
function withSchedule(
  labels: HeaderLabels | undefined,
  message: Message,
): Labels | undefined {
  if (labels?.not_before === undefined) return labels;
  const sinceStored = Math.max(0, labels.not_before - message.time);
  return { ...labels, scheduled_time: scheduledTimeOf(message) ?? sinceStored };
}

/** Its status ends with the event at this sequence. */
function leave(row: TaskRow, { seq: until }: Message): void {
  const { queue, status, progress, startedAt, since } = row;
  if (since > 0 && forkOf(since, until) !== undefined)
    (row.stays ??= []).push({ queue, status, progress, startedAt, since, until }); // prettier-ignore
  row.since = until;
}

function start(
  row: TaskRow,
  progress: number,
  message: Message,
): Happening | undefined {
  if (progress <= row.progress) return undefined;
  leave(row, message);
  row.progress = progress;
  row.status = processing;
  row.startedAt ??= message.time;
  return "started";
}

function giveUp(
  row: TaskRow,
  progress: number,
  message: Message,
): Happening | undefined {
  if (progress <= row.progress) return undefined;
  leave(row, message);
  row.progress = progress;
  row.status = queued;
  return "retried";
}

function end(row: TaskRow, outcome: Outcome, message: Message): Happening {
  leave(row, message);
  row.status = statuses.indexOf(outcome);
  row.endedAt = message.time;
  if (outcome === "failed") {
    const error_type = errorTypeOf(message);
    row.error = error_type ?? null;
    row.errorText = errorTextOf({
      error_type,
      error_message: errorMessageOf(message),
    });
  }
  return outcome;
}

const mostAttempts = 2 ** 31;

/** The attempt in an event's id, `<task>.started.2`; 0 where there is none. */
function attemptIn(id: string): number {
  const attempt = Number(id.slice(id.lastIndexOf(".") + 1));
  return attempt <= mostAttempts ? Math.floor(attempt) : 0;
}
