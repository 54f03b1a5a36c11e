/** Outcomes that stand in the log, for as long as the projection may not show them: it can be late, or stand still. */
import { decodeEvent } from "@jetscribe/event-log/codec/codec";
import type { Broker } from "@jetscribe/event-log/broker/connection";
import { makeLatest } from "@jetscribe/event-log/read/latest";
import { messageAt } from "@jetscribe/event-log/broker/streamState";
import {
  evolve,
  isOpen,
  isOutcome,
  type EndedTask,
  type OpenTask,
} from "@jetscribe/schema";

export interface LogOutcomes {
  /** Remembers the sequence of a task's outcome; the latest 10,000 are remembered. */
  note(taskId: string, seq: number): void;
  /**
   * The task with the outcome that was noted, read from the log. Undefined: none was noted, or the log has another
   * event there. Rejects where the broker can't be asked.
   */
  of(task: OpenTask): Promise<EndedTask | undefined>;
}

const most = 10_000;

export function makeLogOutcomes(broker: Broker): LogOutcomes {
  const seqs = makeLatest<string, number>(most);
  return {
    note: seqs.set,
    async of(task) {
      const seq = seqs.get(task.task_id);
      if (seq === undefined) return undefined;
      const message = await messageAt(broker, broker.streams.events, seq);
      const decoded = message && decodeEvent(message);
      if (decoded === undefined || !("event" in decoded)) return undefined;
      const { event } = decoded;
      if (!isOutcome(event) || event.data.task_id !== task.task_id)
        return undefined;
      const ended = evolve(task, event);
      return ended && !isOpen(ended) ? ended : undefined;
    },
  };
}
