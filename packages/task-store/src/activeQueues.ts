/** How many tasks of each queue are open: kept by model, so that a reading costs by the number of active queues. */
import { readFileSync } from "node:fs";
import { isScheduled, type Queue, type TaskState } from "@jetscribe/schema";
import type { ChainableCommander, Redis } from "ioredis";
import { decodeCheckpoint, type Checkpoint } from "./codec.ts";
import { resultsOf } from "./results.ts";
import { keys, parseQueueName, queueName } from "./keys.ts";
import { askDue, dueByQueue } from "./scheduled.ts";

export interface ActiveQueue {
  queue: Queue;
  waiting: number;
  running: number;
}

/** The active queues of a model as of the checkpoint; an undefined one says nothing about them. */
export interface ActiveQueues {
  checkpoint: Checkpoint | undefined;
  queues: ActiveQueue[];
}

const countOpen = readFileSync(
  new URL("./countOpen.lua", import.meta.url),
  "utf8",
);

type Kind = "waiting" | "running";
export const openField = (queue: Queue, kind: Kind): string =>
  `${queueName(queue).slice(queue.model.length + 1)}:${kind}`;

/** A task before and after the events of a batch. */
export interface Change {
  before: TaskState | undefined;
  after: TaskState;
}

/** Changes by the name of the queue that their task is in. */
export type ChangesByQueue = ReadonlyMap<string, readonly Change[]>;

/** Adds the command that brings the counts to what the changed tasks make of them. */
export function writeOpen(
  commands: ChainableCommander,
  byQueue: ChangesByQueue,
): void {
  const counts = [...byQueue].flatMap(([name, changed]) => {
    const queue = parseQueueName(name);
    const key = keys.open(queue.model);
    const { waiting, running } = openMore(changed);
    return [
      { key, field: openField(queue, "waiting"), by: waiting },
      { key, field: openField(queue, "running"), by: running },
    ].filter(({ by }) => by !== 0);
  });
  addTo(commands, counts);
}

/** Adds the command that changes counts in hashes; a count that comes to 0 goes. */
export function addTo(
  commands: ChainableCommander,
  counts: readonly { key: string; field: string; by: number }[],
): void {
  if (counts.length === 0) return;
  commands.eval(
    countOpen,
    counts.length,
    ...counts.map(({ key }) => key),
    ...counts.flatMap(({ field, by }) => [field, by]),
  );
}

/** How many more tasks wait and run than before; scheduled ones do neither. */
function openMore(changed: readonly Change[]): Record<Kind, number> {
  let [waiting, running] = [0, 0];
  const count = (task: TaskState | undefined, by: number) => {
    if (task?.status === "processing") running += by;
    else if (task?.status === "queued" && !isScheduled(task)) waiting += by;
  };
  for (const { before, after } of changed) {
    count(before, -1);
    count(after, 1);
  }
  return { waiting, running };
}

/** The active queues of a model (a slug). A scheduled task waits from its time on. */
export async function readActive(
  redis: Redis,
  model: string,
  now: number,
): Promise<ActiveQueues> {
  const commands = redis.multi().get(keys.checkpoint).hgetall(keys.open(model));
  const [stored, counts, due] = resultsOf(await askDue(commands, now).exec());
  const queues = new Map<string, ActiveQueue>();
  for (const [field, count] of Object.entries(
    counts as Record<string, string>,
  )) {
    const end = field.lastIndexOf(":");
    const kind = field.slice(end + 1);
    const name = `${model}:${field.slice(0, end)}`;
    const queue = parseQueueName(name);
    const found = queues.get(name) ?? { queue, waiting: 0, running: 0 };
    queues.set(name, { ...found, [kind as Kind]: Number(count) });
  }
  for (const [name, ids] of dueByQueue(due)) {
    const queue = parseQueueName(name);
    if (queue.model !== model) continue;
    const found = queues.get(name) ?? { queue, waiting: 0, running: 0 };
    queues.set(name, { ...found, waiting: found.waiting + ids.length });
  }
  const checkpoint = decodeCheckpoint(stored as string | null);
  return { checkpoint, queues: [...queues.values()] };
}
