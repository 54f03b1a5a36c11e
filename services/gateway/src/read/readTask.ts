/** A task as its owner may see it: from the projection, and where that can't say, from the log. Rule 8 of the design. */
import type { Broker } from "@jetscribe/event-log/broker/connection";
import { findTask } from "@jetscribe/event-log/read/lookUp";
import { streamState } from "@jetscribe/event-log/broker/streamState";
import {
  gatewayLookUpMs,
  isOpen,
  slugOf,
  taskIdTime,
  type TaskState,
} from "@jetscribe/schema";
import {
  makeLookBeyond,
  type Look,
  type TaskReader,
} from "@jetscribe/task-store";
import type { Accepted } from "../accept/accepted.ts";
import { ApiError, unavailable } from "../apiError.ts";
import type { LogOutcomes } from "./logOutcomes.ts";

/** Undefined: this owner (a slug) has no such task. Rejects with an ApiError where neither projection nor log can tell. */
export type ReadTask = (
  taskId: string,
  owner: string,
) => Promise<TaskState | undefined>;

/** Each search is a reader on the broker. */
const mostSearches = 64;

export function makeReadTask(
  broker: Broker,
  reader: Pick<TaskReader, "look">,
  accepted: Accepted,
  outcomes: Pick<LogOutcomes, "of">,
  /** Whether the projection is heard to get on: one that stands still shows tasks as open that have ended. */
  projecting: () => boolean,
): {
  /** What the projection shows, which may be a moment late. */
  readTask: ReadTask;
  /** What the log says now. */
  readSurely: ReadTask;
} {
  const lookBeyond = makeLookBeyond(reader);
  let searches = 0;

  const readTask: ReadTask = async (taskId, owner) => {
    if (taskIdTime(taskId) === undefined) return undefined;
    const look = await reader.look([taskId]).catch(() => undefined);
    const known = answerOf(look) ?? notYetProjected(look, accepted.get(taskId));
    if (known === undefined) return await readSurely(taskId, owner);
    if (!isOpen(known)) return ownOnly(known, owner);
    // What was told once is told from then on.
    const ended = await outcomes.of(known).catch(() => undefined);
    return ended !== undefined || projecting()
      ? ownOnly(ended ?? known, owner)
      : await readSurely(taskId, owner);
  };

  const readSurely: ReadTask = async (taskId, owner) => {
    try {
      const { created, lastSeq } = await streamState(
        broker,
        broker.streams.events,
      );
      const look = await lookBeyond({ created, seq: lastSeq }, [taskId]);
      // Absence in the projection is no proof: the task may have expired there.
      const task = look?.tasks[0] ?? (await search(taskId, owner));
      return ownOnly(task, owner);
    } catch (cause) {
      if (cause instanceof ApiError) throw cause;
      throw unavailable("the log can't be read, or not in time", cause);
    }
  };

  async function search(taskId: string, owner: string) {
    if (searches >= mostSearches)
      throw unavailable("too many look-ups in the log are under way");
    searches++;
    try {
      const signal = AbortSignal.timeout(gatewayLookUpMs);
      return await findTask(broker, { taskId, owner }, signal);
    } finally {
      searches--;
    }
  }

  return { readTask, readSurely };
}

const ownOnly = (task: TaskState | undefined, owner: string) =>
  task !== undefined && slugOf(task.owner) === owner ? task : undefined;

/** What the projection shows, if that can be believed: while it rebuilds, only an outcome can. */
export function answerOf(look: Look | undefined): TaskState | undefined {
  const task = look?.tasks[0];
  if (task === undefined) return undefined;
  return !isOpen(task) || look?.checkpoint?.caughtUp === true
    ? task
    : undefined;
}

/** The task as this gateway accepted it, where the projection goes up to a place before it. */
function notYetProjected(
  look: Look | undefined,
  task: TaskState | undefined,
): TaskState | undefined {
  const { caughtUp, seq = 0 } = look?.checkpoint ?? {};
  return task !== undefined && caughtUp === true && seq < task.seq
    ? task
    : undefined;
}
