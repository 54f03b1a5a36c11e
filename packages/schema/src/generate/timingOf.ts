/**
 * Where a task's time went, as one pure function of its events. The time is cut into parts that follow each other without
 * a gap, so each attempt has a bar of its own:
 *
 *   gateway ▶ (scheduled) ▶ queue ▶ prompt ▶ generation ▶ (the attempt ended) ▶ queue ▶ …
 *
 * The broker's times of storing are one clock, so they are the frame; what services measured counts within it.
 */
import type { RecordedEvent } from "./events.ts";
import { isOutcome } from "./isOutcome.ts";
import { waitsFrom } from "./metrics.ts";
import type { TaskTiming, TimingPart } from "./timing.ts";

type Of<Type extends RecordedEvent["type"]> = Extract<
  RecordedEvent,
  { type: Type }
>;

/**
 * `events`: of one task, in the log's order. `now`: an open task's last part goes on until then, in seconds since the
 * epoch. Undefined where the request is not among the events.
 */
export function timingOf(
  events: readonly RecordedEvent[],
  now?: number,
): TaskTiming | undefined {
  const requested = events.find(
    (event): event is Of<"GenerateRequested"> =>
      event.type === "GenerateRequested",
  );
  if (requested === undefined) return undefined;
  const { enqueue_time, received_time, tasks_ahead } = requested.data;
  const isScheduled = requested.data.not_before !== undefined;
  const due = waitsFrom(requested.data);
  /** Until an attempt has it. */
  let firstToken = firstTokenIn(events);
  const start = Math.min(received_time ?? enqueue_time, requested.time);
  const parts: TimingPart[] = [];
  let at = start;
  function until(
    time: number,
    part: TimingPart["part"],
    ofAttempt: Pick<TimingPart, "attempt" | "worker_id">,
  ): void {
    // A broker whose clock was set back stores later events at earlier times.
    const to = Math.max(at, time);
    parts.push({ part, ...ofAttempt, start: at, seconds: to - at });
    at = to;
  }
  until(requested.time, "gateway", { attempt: 1 });

  /** The attempt that runs; undefined: it waits. */
  let running: { attempt: number; worker_id: string } | undefined;
  let last = 0;
  let end: number | null = null;
  function wait(time: number): void {
    const attempt = last + 1;
    if (last === 0 && isScheduled && at < due)
      until(Math.min(time, due), "scheduled", { attempt });
    if (time > at || parts.at(-1)?.part !== "scheduled")
      until(time, "queue", { attempt });
  }
  /**
   * The first token is in the first attempt that did not end before it. The worker's clock may tell it some milliseconds
   * before or behind what the broker stored: the last attempt has it all the same.
   */
  function run(
    time: number,
    ofAttempt: NonNullable<typeof running>,
    isLast: boolean,
  ): void {
    if (firstToken === undefined || (firstToken > time && !isLast))
      return until(time, "running", ofAttempt);
    until(Math.min(firstToken, time), "prompt", ofAttempt);
    until(time, "generation", ofAttempt);
    firstToken = undefined;
  }
  const reach = (time: number, isLast = false) =>
    running === undefined ? wait(time) : run(time, running, isLast);

  for (const event of events) {
    if (end !== null) break;
    if (isOutcome(event)) {
      reach(event.time, true);
      end = at;
    } else if (event.type === "GenerateStarted") {
      const { attempt, worker_id, start_time } = event.data;
      if (attempt <= last) continue;
      if (running === undefined) last = attempt - 1;
      reach(Math.min(start_time, event.time));
      running = { attempt, worker_id };
      last = attempt;
    } else if (event.type === "GenerateRetried") {
      const { attempt } = event.data;
      if (attempt < last || (attempt === last && running === undefined))
        continue;
      reach(event.time);
      running = undefined;
      last = attempt;
    }
  }
  if (end === null && now !== undefined) reach(now);
  return {
    start,
    end,
    total: parts.reduce((sum, { seconds }) => sum + seconds, 0),
    parts,
    tasks_ahead: tasks_ahead ?? null,
    projection: null,
  };
}

/** When the text began of which the outcome tells, in seconds since the epoch; undefined where it does not say. */
function firstTokenIn(events: readonly RecordedEvent[]): number | undefined {
  const firstStart = events.find(
    (event): event is Of<"GenerateStarted"> => event.type === "GenerateStarted",
  )?.data.start_time;
  const afterS = events.find(isOutcome)?.data.metrics.time_to_first_token;
  return firstStart === undefined || afterS === undefined
    ? undefined
    : firstStart + afterS;
}
