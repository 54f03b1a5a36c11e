/** Pure: what a page shows, folded from the frames of `GET /feed`. Browsers load it, and no zod with it. */
import type { RecordedEvent } from "../generate/events.ts";
import { kinds } from "../generate/kinds.ts";
import { evolve, isPast, type TaskState } from "../generate/task.ts";
import type {
  FeedEvent,
  NowDelta,
  NowSnapshot,
  TaskEvents,
  TasksDelta,
  TasksEvents,
  TaskSnapshot,
} from "./feed.ts";
import { stateMatches, type StateFilter } from "./errorText.ts";
import type { ListedTask, TaskStatus } from "./tasks.ts";

/** By their ids. */
export type TaskRows = Map<string, ListedTask>;

const outcomes: Partial<Record<FeedEvent["type"], TaskStatus>> = {
  GenerateCompleted: "completed",
  GenerateFailed: "failed",
  GenerateCancelled: "cancelled",
};

/**
 * A listed task after an event, by the rules of `evolve`: repetition is harmless, and the same object comes back where
 * nothing changes. Undefined: the task's request is not known.
 */
export function evolveListed(
  task: ListedTask | undefined,
  event: FeedEvent,
): ListedTask | undefined {
  const { type, time, attempt = 0 } = event;
  if (type === "GenerateRequested") return task ?? requested(event);
  if (task === undefined || task.ended_at !== undefined) return task;
  const status = outcomes[type];
  if (status !== undefined)
    return {
      ...{ ...task, status, ended_at: time },
      ...(event.error_type && { error_type: event.error_type }),
      ...(event.error_message && { error_message: event.error_message }),
    };
  if (type !== "GenerateStarted" && type !== "GenerateRetried") return task;
  if (!isPast(task, type, attempt)) return task;
  return type === "GenerateRetried"
    ? { ...task, status: "queued", attempt }
    : {
        ...{ ...task, status: "processing", attempt },
        started_at: task.started_at ?? time,
      };
}

function requested(event: FeedEvent): ListedTask {
  const { task_id, model, lane, owner, time } = event;
  const { user_id, metadata, not_before, group } = event;
  return {
    ...{ task_id, status: "queued", model, lane },
    ...(owner !== undefined && { owner }),
    ...{ attempt: 0, requested_at: time },
    ...(user_id !== undefined && { user_id }),
    ...(metadata && { metadata }),
    ...(not_before !== undefined && { not_before }),
    ...(group !== undefined && { group }),
  };
}

/** Takes an event into the rows; `filter`: what the query says of a task's state. */
export function takeEvent(
  rows: TaskRows,
  event: FeedEvent,
  filter: StateFilter = {},
): void {
  const task = evolveListed(rows.get(event.task_id), event);
  if (task === undefined) return;
  // A row that left the filter can come back with a retry: the gateway sends it then.
  if (!stateMatches(filter, task)) rows.delete(task.task_id);
  else rows.set(task.task_id, task);
}

/**
 * Takes a frame into the rows; `filter` and `limit`: those of the query. A delta tells nothing of older rows than the
 * `limit` newest: they go, and `GET /tasks` has them.
 */
export function takeTasksFrame(
  rows: TaskRows,
  frame: TasksEvents | TasksDelta,
  { filter, limit }: { filter?: StateFilter | undefined; limit: number },
): void {
  if ("events" in frame)
    for (const event of frame.events) takeEvent(rows, event, filter);
  for (const task of frame.tasks ?? []) rows.set(task.task_id, task);
  if (!("gone" in frame)) return;
  for (const id of frame.gone) rows.delete(id);
  for (const { task_id } of newestRows(rows).slice(limit)) rows.delete(task_id);
}

/** The newest rows, the newest first; all of them without a limit. */
export const newestRows = (rows: TaskRows, limit = Infinity): ListedTask[] =>
  [...rows.values()]
    .sort((a, b) => (a.task_id < b.task_id ? 1 : -1))
    .slice(0, limit);

/** A task's page after a frame. Its `timing` is as of the snapshot: `timingOf` makes a new one of the events. */
export function withEvents(
  page: TaskSnapshot,
  { seq, events }: TaskEvents,
): TaskSnapshot {
  const last = page.events.at(-1)?.seq ?? 0;
  const all = [...page.events, ...events.filter((event) => event.seq > last)];
  return { ...page, seq, events: all, status: statusOf(all) ?? page.status };
}

/** The state that a task's events make; the texts are not in it. Undefined where its request is not among them. */
export const stateOf = (
  events: TaskSnapshot["events"],
): TaskState | undefined =>
  (events as RecordedEvent[]).reduce<TaskState | undefined>(evolve, undefined);

/** Also where the log has dropped the request. */
function statusOf(events: TaskSnapshot["events"]): TaskStatus | undefined {
  const state = stateOf(events);
  if (state !== undefined) return state.status;
  const end = events.find(({ type }) => kinds[type].outcome);
  return end && outcomes[end.type];
}

/** The page of the view `now` after a frame. */
export function withDelta(page: NowSnapshot, delta: NowDelta): NowSnapshot {
  const gone = new Set(delta.gone);
  const workers = replaced(page.workers, delta.workers, (w) => w.worker_id);
  return {
    ...page,
    seq: delta.seq,
    rows: replaced(page.rows, delta.rows, (row) => `${row.lane} ${row.model}`),
    workers: workers.filter(({ worker_id }) => !gone.has(worker_id)),
    failures: delta.failures ?? page.failures,
    health: delta.health ?? page.health,
    lost: delta.lost ?? page.lost,
    streams: delta.streams ?? page.streams,
  };
}

/** In the order of the keys. */
function replaced<T>(before: T[], changed: T[], keyOf: (one: T) => string) {
  const all = new Map([...before, ...changed].map((one) => [keyOf(one), one]));
  return [...all].sort(([a], [b]) => (a < b ? -1 : 1)).map(([, one]) => one);
}
