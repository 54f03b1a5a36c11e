/** `jetscribe state --at TIME`: what was queued and what ran at a moment of the log, and how many tasks had ended. */
import { rangeOf } from "@jetscribe/event-log/read/replayLog";
import { stateAt, type LogMoment } from "@jetscribe/event-log/state/stateAt";
import { type ProcessingTask, type QueuedTask } from "@jetscribe/schema";
import type { Context } from "../context.ts";
import { joinLog } from "../joinLog.ts";
import { filterOf, parseTime, type TaskFilterOptions } from "../options.ts";
import { plain, type Paint, type Style } from "../show/paint.ts";
import { makeProgress } from "../show/progress.ts";
import { dateTime, span } from "../show/times.ts";

export interface StateOptions extends TaskFilterOptions {
  at?: string;
  json?: boolean;
}

/** Tasks that are listed of each kind; JSON has all. */
const listed = 20;

export async function state(
  { at = "now", json = false, ...options }: StateOptions,
  context: Context,
): Promise<void> {
  const filter = filterOf(options);
  const atS = parseTime("--at", at, Date.now());
  await using broker = await joinLog(context);
  const { out, paint, signal } = context;
  const range = await rangeOf(broker, { toMs: atS * 1_000 });
  using progress = makeProgress("folding the log");
  const { first, last } = range;
  const onProgress = (seq: number) =>
    progress.set(seq - first + 1, last - first + 1);
  const moment = await stateAt(broker, { range, filter, onProgress }, signal);
  const snapshot = { ...sortOut(moment), at: atS, seq: last };
  const lines = json
    ? [JSON.stringify(asJson(snapshot))]
    : describe(snapshot, paint);
  await out.write(`${lines.join("\n")}\n`);
}

interface Snapshot extends Pick<LogMoment, "ended"> {
  /** Seconds since the epoch. */
  at: number;
  /** The log's last event then. */
  seq: number;
  /** In the order in which they were accepted. */
  queued: QueuedTask[];
  running: ProcessingTask[];
}

function sortOut({ open, ended }: LogMoment) {
  const queued: QueuedTask[] = [];
  const running: ProcessingTask[] = [];
  for (const task of open.values())
    if (task.status === "queued") queued.push(task);
    else running.push(task);
  const bySeq = (a: { seq: number }, b: { seq: number }) => a.seq - b.seq;
  return { ended, queued: queued.sort(bySeq), running: running.sort(bySeq) };
}

const asJson = ({ at, seq, queued, running, ended }: Snapshot) => ({
  ...{ at, seq },
  ...{ queued: queued.length, running: running.length, ...ended },
  tasks: [...running, ...queued],
});

function describe(
  { at, seq, queued, running, ended }: Snapshot,
  paint: Paint,
): string[] {
  const [oldest] = queued;
  const row = (name: string, n: number, style: Style, more = "") =>
    `  ${paint(style, name.padEnd(10))}${n.toLocaleString("en").padStart(11)}${more && paint("dim", `   ${more}`)}`;
  const waits = oldest && `the oldest for ${since(oldest.enqueue_time, at)}`;
  return [
    `${paint("bold", dateTime(at))}${paint("dim", ` · event ${seq.toLocaleString("en")}`)}`,
    "",
    row("queued", queued.length, "yellow", waits),
    row("running", running.length, "blue"),
    row("completed", ended.completed, "green"),
    row("failed", ended.failed, "red"),
    row("cancelled", ended.cancelled, "magenta"),
    ...list("running", running, paint, (task) => [
      `for ${since(task.first_start, at)}`,
      `attempt ${task.attempt} on ${task.worker_id}`,
    ]),
    ...list("queued", queued, paint, (task) => [
      `for ${since(task.enqueue_time, at)}`,
      ...(task.attempt > 0 ? [`after attempt ${task.attempt}`] : []),
    ]),
  ];
}

const since = (time: number, at: number): string =>
  span(Math.max(0, at - time));

function list<Task extends QueuedTask | ProcessingTask>(
  title: string,
  tasks: readonly Task[],
  paint: Paint,
  factsOf: (task: Task) => string[],
): string[] {
  if (tasks.length === 0) return [];
  const more = tasks.length - listed;
  return [
    "",
    paint("bold", title),
    ...tasks.slice(0, listed).map((task) => {
      const { task_id, model, owner } = task;
      const facts = [`${model} ${owner}`, ...factsOf(task)].map(plain);
      return `  ${task_id}  ${facts.join(paint("dim", " · "))}`;
    }),
    ...(more > 0
      ? [
          paint(
            "dim",
            `  … and ${more.toLocaleString("en")} more; --json has all`,
          ),
        ]
      : []),
  ];
}
