/** How many tasks of each queue are open: kept by model, so that a reading costs by the number of active queues. */
import { readFileSync } from "node:fs";
import { isOpen, queueOf, type Queue, type TaskState } from "@jetscribe/schema";
import type { ChainableCommander, Redis } from "ioredis";
import { decodeCheckpoint, type Checkpoint } from "./codec.ts";
import { resultsOf } from "./backlog.ts";
import { keys } from "./keys.ts";
import type { Change } from "./change.ts";

/** A queue with open tasks. */
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
const kindOf = ({ status }: TaskState): Kind =>
  status === "processing" ? "running" : "waiting";
export const openField = (
  { lane, owner }: Pick<Queue, "lane" | "owner">,
  kind: Kind,
): string => `${lane}:${owner}:${kind}`;

/** Adds the command that brings the counts to what the changed tasks make of them. */
export function writeOpen(
  commands: ChainableCommander,
  changed: readonly Change[],
): void {
  const changes = new Map<string, { key: string; field: string; by: number }>();
  const add = (task: TaskState | undefined, by: number) => {
    if (task === undefined || !isOpen(task)) return;
    const queue = queueOf(task);
    const [key, field] = [
      keys.open(queue.model),
      openField(queue, kindOf(task)),
    ];
    const before = changes.get(key + field)?.by ?? 0;
    changes.set(key + field, { key, field, by: before + by });
  };
  for (const { before, after } of changed) {
    add(before, -1);
    add(after, 1);
  }
  const counts = [...changes.values()].filter(({ by }) => by !== 0);
  if (counts.length === 0) return;
  commands.eval(
    countOpen,
    counts.length,
    ...counts.map(({ key }) => key),
    ...counts.flatMap(({ field, by }) => [field, by]),
  );
}

/** The active queues of a model (a slug). */
export async function readActive(
  redis: Redis,
  model: string,
): Promise<ActiveQueues> {
  const [stored, counts] = resultsOf(
    await redis.multi().get(keys.checkpoint).hgetall(keys.open(model)).exec(),
  );
  const queues = new Map<string, ActiveQueue>();
  for (const [field, count] of Object.entries(
    counts as Record<string, string>,
  )) {
    const [lane, owner = "", kind] = field.split(":");
    const name = `${lane}:${owner}`;
    const found = queues.get(name) ?? {
      queue: { model, lane: lane === "batch" ? "batch" : "interactive", owner },
      ...{ waiting: 0, running: 0 },
    };
    queues.set(name, { ...found, [kind as Kind]: Number(count) });
  }
  const checkpoint = decodeCheckpoint(stored as string | null);
  return { checkpoint, queues: [...queues.values()] };
}
