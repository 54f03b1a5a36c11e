/** The state of tasks as the log has it: from the projection where that has caught up, else from the log itself. */
import type { Broker } from "@jetscribe/event-log/broker/connection";
import { elapsedMs } from "@jetscribe/event-log/broker/elapsed";
import type { LogIndex } from "@jetscribe/event-log/read/lookUp";
import { streamState } from "@jetscribe/event-log/broker/streamState";
import type { TaskState } from "@jetscribe/schema";
import {
  covers,
  makeLookBeyond,
  type LogEnd,
  type TaskReader,
} from "@jetscribe/task-store";

/** States that were true of the log at a time, by `elapsedMs()`: a task without an outcome is surely open then. */
export interface Known {
  /** In the order asked for; undefined: the log has lost its request. */
  tasks: (TaskState | undefined)[];
  asOf: number;
}

export interface Glance {
  /** Undefined where it doesn't know or doesn't answer. */
  task: TaskState | undefined;
  /** Whether it has read the log at least so far. */
  covers: (end: LogEnd) => boolean;
}

export interface TaskLookUp {
  /** What the projection shows at the moment, be it late, empty or away. */
  glance: (taskId: string) => Promise<Glance>;
  /** What the log says; `tasks` as known so far. Rejects where neither projection nor log can be read. */
  know: (tasks: readonly TaskState[]) => Promise<Known>;
}

export function makeTaskLookUp(
  broker: Broker,
  reader: Pick<TaskReader, "look">,
  index: Pick<LogIndex, "stateOf">,
): TaskLookUp {
  const lookBeyond = makeLookBeyond(reader);

  return {
    async glance(taskId) {
      const seen = await reader.look([taskId]).catch(() => undefined);
      return { task: seen?.tasks[0], covers: (end) => covers(seen, end) };
    },
    async know(tasks) {
      const asOf = elapsedMs();
      const { created, lastSeq } = await streamState(
        broker,
        broker.streams.events,
      );
      const seen = await lookBeyond(
        { created, seq: lastSeq },
        tasks.map(({ task_id }) => task_id),
      );
      // A task that is missing may have expired: absence in the projection proves nothing.
      const states = tasks.map(async (task, i) =>
        task.seq > lastSeq
          ? undefined
          : (seen?.tasks[i] ?? (await index.stateOf(task))),
      );
      return { tasks: await Promise.all(states), asOf };
    },
  };
}
