/** The state of tasks as the log has it: from the projection where that has caught up, else from the log itself. */
import type { Broker } from "@jetscribe/event-log/connection";
import type { Mark } from "@jetscribe/event-log/consume";
import type { LogIndex } from "@jetscribe/event-log/lookUp";
import { streamState } from "@jetscribe/event-log/streamState";
import { streams, type TaskState } from "@jetscribe/schema";
import type { Look, TaskReader } from "@jetscribe/task-store";
import { setTimeout as sleep } from "node:timers/promises";

/** States that were true of the log at a time, by `performance.now()`: a task without an outcome is surely open then. */
export interface Known {
  tasks: TaskState[];
  asOf: number;
}

export interface Glance {
  /** Undefined where it doesn't know or doesn't answer. */
  task: TaskState | undefined;
  /** Whether it has read the log at least so far. */
  covers: (end: Pick<Mark, "created" | "seq">) => boolean;
}

export interface TaskLookUp {
  /** What the projection shows at the moment, be it late, empty or away. */
  glance: (taskId: string) => Promise<Glance>;
  /** What the log says; `tasks` as known so far. Rejects where neither projection nor log can be read. */
  know: (tasks: readonly TaskState[]) => Promise<Known>;
}

/** While a projection rebuilds, it covers nothing. */
function covers(
  look: Look | undefined,
  end: Pick<Mark, "created" | "seq">,
): boolean {
  const { caughtUp, created, seq } = look?.checkpoint ?? {};
  return caughtUp === true && created === end.created && (seq ?? 0) >= end.seq;
}

/** How long the projection may take to catch up before the log is read instead. */
const patienceMs = 2_000;
const againMs = 25;

export function makeTaskLookUp(
  broker: Broker,
  reader: Pick<TaskReader, "look">,
  index: Pick<LogIndex, "stateOf">,
): TaskLookUp {
  /** It was waited for in vain, and is not waited for again until it has caught up. */
  let late = false;

  const look = (ids: readonly string[]) =>
    reader.look(ids).catch(() => undefined);

  async function lookBeyond(
    end: { created: string; seq: number },
    ids: readonly string[],
  ): Promise<Look | undefined> {
    const until = performance.now() + (late ? 0 : patienceMs);
    for (;;) {
      const seen = await look(ids);
      late = !covers(seen, end);
      if (!late) return seen;
      if (performance.now() >= until) return undefined;
      await sleep(againMs);
    }
  }

  return {
    async glance(taskId) {
      const seen = await look([taskId]);
      return { task: seen?.tasks[0], covers: (end) => covers(seen, end) };
    },
    async know(tasks) {
      const asOf = performance.now();
      const { created, lastSeq } = await streamState(broker, streams.events);
      const seen = await lookBeyond(
        { created, seq: lastSeq },
        tasks.map(({ task_id }) => task_id),
      );
      // A task that is missing may have expired: absence in the projection proves nothing.
      const states = tasks.map(
        async (task, i) => seen?.tasks[i] ?? (await index.stateOf(task)),
      );
      return { tasks: await Promise.all(states), asOf };
    },
  };
}
