/** The view `task`: one task's history, and its further events as the log takes them. The texts are left out. */
import { eventAt } from "@jetscribe/event-log/broker/streamState";
import type { BrokerClock } from "@jetscribe/event-log/broker/brokerClock";
import type { Broker } from "@jetscribe/event-log/broker/connection";
import {
  withEvents,
  type FeedQuery,
  type TaskEvents,
  type TaskSnapshot,
} from "@jetscribe/schema";
import type { makeTurns } from "../accept/turns.ts";
import { ApiError } from "../apiError.ts";
import type { ApiKey } from "../keys/apiKeys.ts";
import { ownerOf } from "../list/listTasks.ts";
import { historyOf, visibleEvent, withoutTexts } from "../read/historyOf.ts";
import type { ReadHistory, ReadTask } from "../read/readTask.ts";
import type { Content } from "./view.ts";

export interface TaskDeps {
  broker: Broker;
  clock: Pick<BrokerClock, "nowS">;
  readTask: ReadTask;
  readHistory: ReadHistory;
  /** A history holds whole prompts and results until they are left out: so it is read in turns. */
  histories: ReturnType<typeof makeTurns>;
}

export function taskContent(
  { broker, clock, readTask, readHistory, histories }: TaskDeps,
  { task_id = "", ...filter }: FeedQuery,
  key: ApiKey,
): Content {
  const owner = ownerOf(filter, key);
  let page: TaskSnapshot | undefined;
  /** Sequences of events that are not read yet. */
  let waiting: number[] = [];

  async function read(): Promise<number> {
    const task = await readTask(task_id, owner);
    if (task === undefined) throw new ApiError("not_found", "no such task");
    const read = await histories.take(async () => {
      const events = await readHistory({ task_id, owner });
      const seq = events.at(-1)?.seq ?? task.seq;
      // Whoever reads the view with the fewest rights sees what all see.
      return { seq, ...historyOf(task, events, withoutTexts, clock) };
    });
    waiting = [];
    page = { view: "task", ...read };
    return read.seq;
  }

  const shown = (): TaskSnapshot => {
    if (page === undefined) throw new Error("the task was not read");
    return page;
  };

  return {
    read,
    take({ taskId, seq, queue }) {
      if (taskId !== task_id || queue.owner !== owner) return false;
      waiting.push(seq);
      return true;
    },
    snapshot: () => ({ event: "snapshot", data: shown() }),
    async news() {
      const seqs = waiting.splice(0);
      const found = await Promise.all(
        seqs.map((seq) => eventAt(broker, seq)),
      ).catch(() => undefined);
      if (found === undefined) return "anew";
      const events = found.flatMap((event) =>
        event === undefined
          ? []
          : visibleEvent(event, { withText: false, withWebhook: false }),
      );
      const data: TaskEvents = { seq: seqs.at(-1) ?? shown().seq, events };
      page = withEvents(shown(), data);
      return { event: "events", data };
    },
  };
}
