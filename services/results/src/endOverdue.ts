/** Tasks that nobody ends: those that waited too long, and those whose last worker is gone for good. */
import type { Appender } from "@jetscribe/event-log/append";
import type { BrokerClock } from "@jetscribe/event-log/brokerClock";
import type { Broker } from "@jetscribe/event-log/connection";
import { streamState } from "@jetscribe/event-log/streamState";
import { streamedSoFar } from "@jetscribe/event-log/tokens";
import type { WorkersHeard } from "@jetscribe/event-log/workersHeard";
import type { Logger } from "@jetscribe/runtime";
import {
  deadlineOf,
  isOpen,
  queueOf,
  slugOf,
  streams,
  type OpenTask,
} from "@jetscribe/schema";
import type { TaskReader } from "@jetscribe/task-store";
import { setTimeout as sleep } from "node:timers/promises";
import { overdue } from "./overdue.ts";
import type { Projection } from "./projection.ts";

const checkEveryMs = 2_000;
/** Where the first of a queue is overdue, so many are looked at next. */
const more = 100;
const readTextMs = 2_000;

export interface OverdueDeps {
  broker: Broker;
  clock: Pick<BrokerClock, "nowS">;
  appender: Pick<Appender, "append">;
  reader: TaskReader;
  projection: Pick<Projection, "role" | "reaches">;
  workers: Pick<WorkersHeard, "all">;
  log: Logger;
}

/** Looks every 2 s, while this instance leads and is caught up, until the signal aborts. */
export async function endOverdue(
  { broker, clock, appender, reader, projection, workers, log }: OverdueDeps,
  signal: AbortSignal,
): Promise<void> {
  /** Ends those that are found; whether there were any. */
  async function check(ofEach: number): Promise<boolean> {
    const now = clock.nowS();
    const ids = await reader.perhapsOverdue(now, ofEach);
    if (ids.length === 0) return false;
    // Surely open as of this reading, where the projection then shows them open.
    const { lastSeq } = await streamState(broker, streams.events);
    if (!(await projection.reaches(lastSeq))) return false;
    const { tasks, checkpoint } = await reader.look(ids);
    if ((checkpoint?.seq ?? 0) < lastSeq || !checkpoint?.caughtUp) return false;
    const over = tasks
      .filter((task) => task !== undefined)
      .filter(isOpen)
      .filter((task) => deadlineOf(task).at <= now);
    for (const task of over) await end(task, now);
    return over.length > 0;
  }

  async function checkAll(): Promise<void> {
    let found = await check(1);
    while (found && !signal.aborted) found = await check(more);
  }

  async function end(task: OpenTask, now: number): Promise<void> {
    const { task_id } = task;
    const queue = queueOf(task);
    const text = await streamedSoFar(
      broker,
      task_id,
      AbortSignal.timeout(readTextMs),
    );
    const refusals = workers
      .all()
      .filter((worker) => slugOf(worker.model) === queue.model)
      .map(({ error }) => error?.message);
    const event = overdue(task, { text, refusals, now });
    const { type } = event.data.error;
    log.warn({ task_id, error_type: type }, "a task is past its time");
    await appender.append(event, queue);
  }

  while (!signal.aborted) {
    await sleep(checkEveryMs, undefined, { signal }).catch(() => undefined);
    const { leading, caughtUp } = projection.role();
    if (!leading || !caughtUp || signal.aborted) continue;
    await checkAll().catch((error: unknown) => {
      // The broker or Redis is away; whoever follows them says so. What is overdue stays so.
      log.debug({ err: error }, "overdue tasks can't be looked at");
    });
  }
}
