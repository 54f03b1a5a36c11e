/** A task as its owner may see it: from the projection, and where that can't say, from the log. Rule 8 of the design. */
import type { Broker } from "@jetscribe/event-log/broker/connection";
import { orAborted } from "@jetscribe/event-log/broker/orAborted";
import { readHighWaterMark } from "@jetscribe/event-log/state/highWaterMark";
import {
  searchHistory,
  searchLog,
  type OwnedTask,
} from "@jetscribe/event-log/state/searchLog";
import type {
  FromLog,
  TaskStates,
} from "@jetscribe/event-log/state/taskStates";
import {
  gatewayLookUpMs,
  slugOf,
  taskIdTime,
  type RecordedEvent,
  type TaskState,
} from "@jetscribe/schema";
import { ApiError, unavailable } from "../apiError.ts";

/** Undefined: this owner (a slug) has no such task. Rejects with an ApiError where neither projection nor log can tell. */
export type ReadTask = (
  taskId: string,
  owner: string,
) => Promise<TaskState | undefined>;

export function makeReadTask(
  states: Pick<TaskStates<OwnedTask>, "shown" | "surely">,
  /** Whether the projection is heard to get on: one that stands still shows tasks as open that have ended. */
  projecting: () => boolean,
) {
  /** What the projection shows, which may be a moment late. */
  const readTask: ReadTask = async (taskId, owner) => {
    if (taskIdTime(taskId) === undefined) return undefined;
    const { status, task } = await states.shown(taskId);
    return status === "ended" || (status === "open" && projecting())
      ? ownOnly(task, owner)
      : await readSurely(taskId, owner);
  };

  /** What the log says now. */
  const readSurely: ReadTask = async (task_id, owner) => {
    const answer = await states.surely({ task_id, owner });
    if (answer.status !== "unknown") return ownOnly(answer.task, owner);
    const { because } = answer;
    throw because instanceof ApiError ? because : unreadable(because);
  };

  return { readTask, readSurely };
}

const ownOnly = (task: TaskState | undefined, owner: string) =>
  task !== undefined && slugOf(task.owner) === owner ? task : undefined;

/** Each search is a reader on the broker. */
const maxSearches = 64;

/** Looks for tasks in the log, and for others by `search`: 64 at a time in all, and for 5 s each. */
export function makeSearches(broker: Broker) {
  let searches = 0;

  async function search<T>(look: (signal: AbortSignal) => Promise<T>) {
    if (searches >= maxSearches)
      throw unavailable("too many look-ups in the log are under way");
    searches++;
    try {
      return await look(AbortSignal.timeout(gatewayLookUpMs));
    } finally {
      searches--;
    }
  }

  const task: FromLog<OwnedTask> = (wanted, end) =>
    search((signal) => searchLog(broker, wanted, end, signal));

  /** The events of a task that the log has now, oldest first. Rejects with an ApiError. */
  const history = (wanted: OwnedTask): Promise<RecordedEvent[]> =>
    search(async (signal) => {
      const end = await orAborted(readHighWaterMark(broker), signal);
      return await searchHistory(broker, wanted, end, signal);
    }).catch((error: unknown) => {
      throw error instanceof ApiError ? error : unreadable(error);
    });

  return { task, history, search };
}

/** One search, with a signal that ends it after 5 s. Rejects with an ApiError where too many are under way. */
export type Search = ReturnType<typeof makeSearches>["search"];

export type ReadHistory = ReturnType<typeof makeSearches>["history"];

const unreadable = (cause: unknown) =>
  unavailable("the log can't be read, or not in time", cause);
