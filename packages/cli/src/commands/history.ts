/** `jetscribe history TASK`: everything that happened to a task, and where its time went. */
import { textReadsOf } from "@jetscribe/event-log/audit/auditLog";
import { readHighWaterMark } from "@jetscribe/event-log/state/highWaterMark";
import { searchHistory } from "@jetscribe/event-log/state/searchLog";
import {
  evolve,
  shownTextRead,
  taskIdTime,
  timingOf,
  type RecordedEvent,
  type RecordedTextRead,
  type TaskState,
  type TaskStatus,
  type TaskTiming,
} from "@jetscribe/schema";
import type { Context } from "../context.ts";
import { failed, usageError } from "../exit.ts";
import { joinLog } from "../joinLog.ts";
import { detailsOf, textsOf, typeText } from "../show/eventText.ts";
import { plain, type Paint, type Style } from "../show/paint.ts";
import { makeProgress } from "../show/progress.ts";
import { timeline } from "../show/timeline.ts";
import { clock, dateTime, span } from "../show/times.ts";

export interface HistoryOptions {
  json?: boolean;
  text?: boolean;
}

interface History {
  task: TaskState | undefined;
  events: readonly RecordedEvent[];
  timing: TaskTiming | undefined;
  reads: readonly RecordedTextRead[];
}

export async function history(
  taskId: string,
  { json = false, text = false }: HistoryOptions,
  context: Context,
): Promise<void> {
  const task_id = taskId.toLowerCase();
  if (taskIdTime(task_id) === undefined)
    throw usageError(`${taskId} is no task id, as POST /generate answers it`);
  const found = await read(task_id, context);
  const { out, paint } = context;
  const lines = json
    ? [JSON.stringify(asJson(task_id, found))]
    : describe(task_id, found, text, paint, out.width);
  await out.write(`${lines.join("\n")}\n`);
}

async function read(task_id: string, context: Context): Promise<History> {
  await using broker = await joinLog(context);
  using _ = makeProgress("searching the log");
  const end = await readHighWaterMark(broker);
  const events = await searchHistory(broker, { task_id }, end, context.signal);
  if (events.length === 0)
    throw failed(
      `the log has no task ${task_id}: it never had, or it has dropped its events (EVENTS_MAX_AGE, EVENTS_MAX_BYTES)`,
    );
  const task = events.reduce<TaskState | undefined>(evolve, undefined);
  const reads = await textReadsOf(broker, task_id, context.signal);
  return { task, events, timing: timingOf(events, Date.now() / 1_000), reads };
}

const asJson = (task_id: string, { task, events, timing, reads }: History) => ({
  task_id,
  status: task?.status ?? null,
  events: events.map(({ seq, time, type, data }) => ({
    ...{ seq, time, type, data },
  })),
  timing: timing ?? null,
  ...(reads.length > 0 && { text_reads: reads.map(shownTextRead) }),
});

const statusStyles: Record<TaskStatus, Style> = {
  queued: "yellow",
  processing: "blue",
  completed: "green",
  failed: "red",
  cancelled: "magenta",
};

function describe(
  task_id: string,
  { task, events, timing, reads }: History,
  withText: boolean,
  paint: Paint,
  width: number,
): string[] {
  return [
    `${paint("dim", "task")} ${paint("bold", task_id)}`,
    headline(task, timing, paint),
    "",
    ...eventLines(events, withText, paint),
    ...(timing === undefined
      ? []
      : [
          "",
          `${paint("bold", "where the time went")}  ${span(timing.total)}${timing.end === null ? " so far" : ""}`,
          ...timeline(timing, paint, width),
        ]),
    ...(reads.length === 0
      ? []
      : ["", paint("bold", "who opened the texts"), ...reads.map(readLine)]),
  ];
}

const readLine = ({
  time,
  parts,
  key_owner,
  key_id,
  surface,
}: RecordedTextRead): string =>
  `  ${dateTime(time)}  ${plain(`${parts.join(" and ")}, key ${key_owner} (${key_id}), ${surface}`)}`;

function headline(
  task: TaskState | undefined,
  timing: TaskTiming | undefined,
  paint: Paint,
): string {
  if (task === undefined)
    return paint("yellow", "the log has dropped its request");
  const { status, model, lane, owner, user_id, attempt, failures } = task;
  const facts = [
    ...[`model ${model}`, lane, `owner ${owner}`],
    ...(user_id === undefined ? [] : [`user ${user_id}`]),
    ...(attempt > 1 ? [`${attempt} attempts, ${failures} failed`] : []),
    ...(timing === undefined ? [] : [dateTime(timing.start)]),
  ];
  return [
    paint([statusStyles[status], "bold"], status),
    ...facts.map(plain),
  ].join(paint("dim", " · "));
}

function eventLines(
  events: readonly RecordedEvent[],
  withText: boolean,
  paint: Paint,
): string[] {
  const first = events[0]?.time ?? 0;
  return events.flatMap((event) => {
    const since = `+${span(Math.max(0, event.time - first))}`.padStart(10);
    const line = [
      `  ${clock(event.time)}`,
      paint("dim", since),
      typeText(event.type, paint),
      detailsOf(event),
    ].join("  ");
    const texts = withText ? textsOf(event) : [];
    return [
      line,
      ...texts.flatMap(([name, text]) => [
        paint("dim", `      ${name}`),
        ...text.split("\n").map((one) => `      ${plain(one)}`),
      ]),
    ];
  });
}
