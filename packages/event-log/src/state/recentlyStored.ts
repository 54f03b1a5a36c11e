/** What this process knows to stand in the log, for as long as the projection may not show it: it can be late. */
import {
  evolve,
  isOpen,
  isOutcome,
  type EndedTask,
  type OpenTask,
} from "@jetscribe/schema";
import type { Broker } from "../broker/connection.ts";
import { eventAt } from "../broker/streamState.ts";
import { makeLatest } from "../read/latest.ts";

const maxAccepted = 2_000;
const maxOutcomes = 10_000;

export type RecentlyStored = ReturnType<typeof makeRecentlyStored>;

export function makeRecentlyStored(broker: Broker) {
  const accepted = makeLatest<string, OpenTask>(maxAccepted);
  const outcomeSeqs = makeLatest<string, number>(maxOutcomes);
  return {
    /** A task whose request this process stored; the latest 2,000 are remembered. */
    noteAccepted: (task: OpenTask) => accepted.set(task.task_id, task),
    /** The sequence of a task's outcome; the latest 10,000 are remembered. */
    noteOutcome: outcomeSeqs.set,
    accepted: accepted.get,
    /**
     * The task with the outcome that was noted, read from the log. Undefined: none was noted, or the log has another
     * event there. Rejects where the broker can't be asked.
     */
    async outcomeOf(task: OpenTask): Promise<EndedTask | undefined> {
      const seq = outcomeSeqs.get(task.task_id);
      if (seq === undefined) return undefined;
      const event = await eventAt(broker, seq);
      if (event?.data.task_id !== task.task_id || !isOutcome(event))
        return undefined;
      const ended = evolve(task, event);
      return ended && !isOpen(ended) ? ended : undefined;
    },
  };
}
