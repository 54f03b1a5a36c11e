/** Random tasks and filters, and a slow reference for lists: a fold by `evolve`, filtered and sorted. */
import type { ListQuestion } from "@jetscribe/event-log/read/taskIndex";
import {
  evolve,
  failedWith,
  slugOf,
  taskIdTime,
  listedError,
  type ListedTask,
  type RecordedEvent,
  type TaskError,
  type TaskEvent,
  type TaskState,
} from "@jetscribe/schema";
import {
  cancelled,
  completed,
  failed,
  requested,
  retried,
  started,
} from "@jetscribe/schema/test/taskEventsTestKit";
import type { Random } from "@jetscribe/testing";

export const firstMs = 1_800_000_000_000;

export type Filter = Omit<ListQuestion, "created" | "seq" | "limit" | "cursor">;

export const requestOf = (random: Random, task_id: string) => {
  const pairs = ["a", "b"].filter(() => random.chance(0.4));
  const metadata = pairs.map((key) => [key, random.pick(["x", "y z"])]);
  return requested(task_id, {
    model: random.pick(["demo", "Qwen2.5"]),
    lane: random.pick(["interactive", "batch"]),
    owner: random.pick(["a", "Team B"]),
    ...(random.chance(0.3) && { user_id: random.pick(["ada", "Zoë"]) }),
    ...(metadata.length > 0 && {
      metadata: Object.fromEntries(metadata) as Record<string, string>,
    }),
  });
};

/** Any event of a task, in whatever order, and again and again. */
export function anyEvent(
  random: Random,
  request: ReturnType<typeof requested>,
  startsSoFar: number,
): TaskEvent {
  const { task_id } = request.data;
  const attempt = random.int(1, 3);
  return random.pick([
    ...[request, request],
    ...[started(task_id, attempt), started(task_id, attempt)],
    ...[retried(task_id, attempt), completed(task_id, startsSoFar)],
    ...[failedBy(random, task_id, startsSoFar), cancelled(task_id)],
  ]);
}

const errors = [
  "no end after 100% of 60 s",
  "out of\n\tmemory: a\\b",
  "",
  "x_y Größe \u0000",
];

function failedBy(random: Random, task_id: string, attempt: number): TaskEvent {
  const type = random.pick(["TimeoutError", "RuntimeError"] as const);
  const error = { type, message: random.pick(errors), traceback: "" };
  return failed(task_id, attempt, { error });
}

/** Parts of these errors, and of none. */
const parts = [
  "timeout",
  "TimeoutError: NO END",
  "% of",
  "x_y g",
  "memory: a\\b",
  "_",
  "r: O",
  "größe",
  "x-y",
];

export interface Known {
  state: TaskState;
  startedAt?: number;
}

/** Folds an event into what is known of its task. */
export function takeKnown(
  known: Map<string, Known>,
  event: RecordedEvent,
): void {
  const { task_id } = event.data;
  const before = known.get(task_id);
  const state = evolve(before?.state, event);
  if (state === undefined) return;
  const isFirstStart =
    event.type === "GenerateStarted" && state !== before?.state;
  known.set(task_id, {
    ...{ ...before, state },
    ...(isFirstStart && { startedAt: before?.startedAt ?? event.time }),
  });
}

/** What the list says of a task, by its state. */
export function listed(
  { state, startedAt }: Known,
  requests: Requests,
  { owner }: Filter,
): ListedTask {
  const { task_id, status, model, lane, attempt, seq } = state;
  const { user_id, metadata } = requests.get(task_id)?.data ?? {};
  return {
    ...{ task_id, status, model: slugOf(model), lane, requested_at: seq },
    ...(owner === undefined && { owner: slugOf(state.owner) }),
    attempt,
    ...(startedAt !== undefined && { started_at: startedAt }),
    ...("end_time" in state && { ended_at: state.end_time }),
    ...(state.status === "failed" && failureOf(state.error)),
    ...(user_id !== undefined && { user_id }),
    ...(metadata !== undefined && { metadata }),
  };
}

function failureOf({ type, message }: Omit<TaskError, "traceback">) {
  const error_message = listedError(message);
  return { error_type: type, ...(error_message && { error_message }) };
}

export type Requests = Map<string, ReturnType<typeof requested>>;

export function isMeant({ state }: Known, filter: Filter): boolean {
  const time = taskIdTime(state.task_id) ?? 0;
  const pairs = Object.entries(filter.metadata ?? {});
  return (
    (filter.owner ?? slugOf(state.owner)) === slugOf(state.owner) &&
    (filter.ids?.includes(state.task_id.replaceAll("-", "")) ?? true) &&
    (filter.model ?? slugOf(state.model)) === slugOf(state.model) &&
    (filter.lane ?? state.lane) === state.lane &&
    (filter.status?.includes(state.status) ?? true) &&
    (filter.user_id ?? state.user_id) === state.user_id &&
    pairs.every(([key, value]) => state.metadata?.[key] === value) &&
    (filter.error === undefined || isFailedWith(state, filter.error)) &&
    (filter.after_ms ?? 0) <= time &&
    time < (filter.before_ms ?? Infinity)
  );
}

const isFailedWith = (state: TaskState, part: string): boolean =>
  state.status === "failed" &&
  failedWith({ status: state.status, ...failureOf(state.error) }, part);

export function anyFilter(random: Random): Filter {
  const some = random.pick([0, 0.2, 0.5]);
  const { data } = requestOf(random, "");
  return {
    ...(random.chance(0.7) && { owner: slugOf(data.owner) }),
    ...(random.chance(some) && { model: slugOf(data.model) }),
    ...(random.chance(some) && { lane: data.lane }),
    ...(random.chance(some) && {
      status: random.pick<TaskState["status"][]>([
        ["queued"],
        ["processing", "queued"],
        ["failed", "completed", "cancelled"],
      ]),
    }),
    ...(random.chance(some) && { user_id: data.user_id ?? "nobody" }),
    ...(random.chance(some) && data.metadata && { metadata: data.metadata }),
    ...(random.chance(some) && { error: random.pick(parts) }),
    ...(random.chance(some) && { after_ms: firstMs + random.int(0, 8) }),
    ...(random.chance(some) && { before_ms: firstMs + random.int(2, 12) }),
  };
}
