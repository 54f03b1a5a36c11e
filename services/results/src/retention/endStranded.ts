/** A log that fills up keeps no room for models that have no worker: decision 0016. */
import type { Appender } from "@jetscribe/event-log/append/append";
import type { BrokerClock } from "@jetscribe/event-log/broker/brokerClock";
import type { Broker } from "@jetscribe/event-log/broker/connection";
import { limitOf, outcomeReserve } from "@jetscribe/event-log/streams/logLimit";
import { streamState } from "@jetscribe/event-log/broker/streamState";
import { elapsedMs } from "@jetscribe/event-log/broker/elapsed";
import { heardWithin } from "@jetscribe/event-log/broker/heardWithin";
import { openIn, type TaskStates } from "@jetscribe/event-log/state/taskStates";
import type { WorkersHeard } from "@jetscribe/event-log/signals/workersHeard";
import type { Logger, TraceparentOf } from "@jetscribe/runtime";
import {
  joinChunks,
  modelUnservedAfterMs,
  queueOf,
  slugOf,
  type Queue,
  type TaskError,
} from "@jetscribe/schema";
import type { TaskReader } from "@jetscribe/task-store";
import { isDeepStrictEqual } from "node:util";
import type { Listening } from "./listening.ts";
import { failedOutside } from "../overdue/overdue.ts";
import type { Projection } from "../projection/projection.ts";
import type { LogHeld, LogTrim } from "./trimLog.ts";
import type { Job } from "../projection/whileLeading.ts";

const checkEveryMs = 2_000;
/** From this share of the limit on, below the gateways': bytes, and the room for outcomes. */
const strandedShare = 0.85;
/** So many tasks are ended in one look. */
const maxEnded = 200;

export interface StrandedDeps {
  broker: Broker;
  clock: Pick<BrokerClock, "nowS">;
  appender: Pick<Appender, "append">;
  reader: Pick<TaskReader, "queues" | "oldestWaiting">;
  projection: Pick<Projection, "role">;
  states: Pick<TaskStates, "surelyAll">;
  workers: Pick<WorkersHeard, "all">;
  listening: Listening;
  trim: Pick<LogTrim, "held">;
  /** The trace of a task, as the header of its outcome. */
  traceparentOf: TraceparentOf;
  log: Logger;
  /** How long a model has to be without an announced worker while this instance listens, in ms. */
  unheardMs?: number;
}

export function endStranded(deps: StrandedDeps): Job {
  const { listening, unheardMs = modelUnservedAfterMs } = deps;
  const served = makeServedModels(listening, unheardMs);
  return {
    everyMs: checkEveryMs,
    onTick: () => noteWorkers(deps, served),
    look: () => check(deps, served),
    failed: "stranded tasks can't be looked at",
  };
}

/** Whether the oldest unfinished request is in one of these queues, so that its end lets the log be trimmed. */
export const holdLog = (
  queues: readonly Queue[],
  held: Pick<LogHeld, "queue"> | undefined,
): boolean => queues.some((queue) => isDeepStrictEqual(queue, held?.queue));

/** Which models (slugs) may have a worker: one was heard in the last `unheardMs`, or was not listened for that long. */
export function makeServedModels(
  { forMs }: Listening,
  unheardMs: number,
  now = elapsedMs,
) {
  const heard = heardWithin<string>(() => unheardMs, now);
  return {
    note: (model: string) => heard.note(model, model),
    maybeServed: (model: string): boolean =>
      heard.get(model) !== undefined || forMs() < unheardMs,
  };
}
type ServedModels = ReturnType<typeof makeServedModels>;

function noteWorkers({ workers }: StrandedDeps, { note }: ServedModels): void {
  for (const { model } of workers.all()) note(slugOf(model));
}

async function check(deps: StrandedDeps, served: ServedModels): Promise<void> {
  const { broker, clock, appender, reader, projection, workers, log } = deps;
  const { trim } = deps;
  // What was announced while this process stood still is heard before the answer.
  const { bytes, maxBytes } = await streamState(broker, broker.streams.events);
  noteWorkers(deps, served);
  const { open: work } = projection.role();
  if (work === undefined) return;
  const used = bytes + outcomeReserve(work);
  const allowed = strandedShare * limitOf(maxBytes);
  if (used < allowed) return;
  // Where no model has a worker, nobody would be served in their place.
  if (workers.all().length === 0) return;
  const waits = (await reader.queues()).filter(
    ({ queue: { model } }) => !served.maybeServed(model),
  );
  const stranded = waits.map(({ queue }) => queue);
  if (stranded.length === 0) return;
  const tasks = waits.reduce((sum, { waiting }) => sum + waiting, 0);
  const reserve = (tasks * outcomeReserve(work)) / Math.max(tasks, work.tasks);
  const isEnough = used - reserve < allowed;
  if (!isEnough && !holdLog(stranded, trim.held())) return;
  const ids = await oldestOf(stranded, reader);
  const answers = await deps.states.surelyAll(
    ids.map((task_id) => ({ task_id })),
  );
  const waiting = openIn(answers).filter(({ status }) => status === "queued");
  if (waiting.length === 0) return;
  log.warn(
    { tasks: waiting.length },
    "the log fills up: waiting tasks of models without a worker are ended",
  );
  await Promise.all(
    waiting.map((task) => {
      const facts = { text: joinChunks([]), now: clock.nowS() };
      return appender.append(
        failedOutside(task, fillingUp, facts),
        queueOf(task),
        {
          traceparent: deps.traceparentOf(task),
          task,
        },
      );
    }),
  );
}

async function oldestOf(
  queues: readonly Queue[],
  { oldestWaiting }: Pick<TaskReader, "oldestWaiting">,
): Promise<string[]> {
  const heads = await Promise.all(
    queues.map((queue) => oldestWaiting(queue, maxEnded)),
  );
  return heads
    .flat()
    .sort((a, b) => a.seq - b.seq)
    .slice(0, maxEnded)
    .map(({ id }) => id);
}

const fillingUp: Omit<TaskError, "traceback"> = {
  type: "ExpiredError",
  message:
    "the log was filling up, and no worker of its model was there: the oldest waiting requests of such models end first",
};
