/** A task as its owner may see it: from the projection, and where that can't say, from the log. Rule 8 of the design. */
import type { Broker } from "@jetscribe/event-log/connection";
import { findTask } from "@jetscribe/event-log/lookUp";
import { streamState } from "@jetscribe/event-log/streamState";
import { isOpen, streams, taskIdTime, type TaskState } from "@jetscribe/schema";
import { slugOf } from "@jetscribe/schema";
import {
  makeLookBeyond,
  type Look,
  type TaskReader,
} from "@jetscribe/task-store";
import type { Accepted } from "./accepted.ts";
import { unavailable } from "./apiError.ts";

/** Undefined: this owner (a slug) has no such task. Rejects with an ApiError where neither projection nor log can tell. */
export type ReadTask = (
  taskId: string,
  owner: string,
) => Promise<TaskState | undefined>;

const searchMs = 5_000;
/** Each search is a reader on the broker. */
const mostSearches = 64;

export function makeReadTask(
  broker: Broker,
  reader: Pick<TaskReader, "look">,
  accepted: Accepted,
): ReadTask {
  const lookBeyond = makeLookBeyond(reader);
  let searches = 0;

  return async (taskId, owner) => {
    if (taskIdTime(taskId) === undefined) return undefined;
    const look = await reader.look([taskId]).catch(() => undefined);
    const known = answerOf(look) ?? notYetProjected(look, accepted.get(taskId));
    const task = known ?? (await ask(taskId, owner));
    return task !== undefined && slugOf(task.owner) === owner
      ? task
      : undefined;
  };

  async function ask(taskId: string, owner: string) {
    if (searches >= mostSearches)
      throw unavailable("too many look-ups in the log are under way");
    searches++;
    try {
      const { created, lastSeq } = await streamState(broker, streams.events);
      const look = await lookBeyond({ created, seq: lastSeq }, [taskId]);
      // Absence in the projection is no proof: the task may have expired there.
      return (
        look?.tasks[0] ??
        (await findTask(
          broker,
          { taskId, owner },
          AbortSignal.timeout(searchMs),
        ))
      );
    } catch (cause) {
      throw unavailable("the log can't be read, or not in time", cause);
    } finally {
      searches--;
    }
  }
}

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
