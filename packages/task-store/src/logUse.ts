/** Which part of the log is still needed, and how many bytes that is. */
import type { ChainableCommander, Redis } from "ioredis";
import { atOneInstant } from "./atOneInstant.ts";
import { resultsOf } from "./results.ts";
import { decodeCheckpoint, type Checkpoint } from "./codec.ts";
import { keys, parseQueueName, parseRunningName } from "./keys.ts";
import type { Queue } from "@jetscribe/schema";

/** The messages up to a sequence have so many bytes together, counted from where the projection was begun. */
export interface Milestone {
  seq: number;
  bytes: number;
}

export interface OldestOpen {
  seq: number;
  queue: Queue;
}

export interface LogUse {
  checkpoint: Checkpoint;
  /** Oldest first. */
  milestones: Milestone[];
  /** The oldest unfinished request; undefined: there is none. */
  oldestOpen: OldestOpen | undefined;
  /** The other projections, and when they were last heard to get on, in ms since the epoch. */
  projections: { name: string; seq: number; heardAt: number }[];
}

/** More than lie in a full log. */
const maxMilestones = 512;

export function writeMilestones(
  commands: ChainableCommander,
  milestones: readonly Milestone[],
): void {
  if (milestones.length === 0) return;
  commands.rpush(
    keys.milestones,
    ...milestones.map(({ seq, bytes }) => `${seq} ${bytes}`),
  );
  commands.ltrim(keys.milestones, -maxMilestones, -1);
}

/**
 * All of one instant: what moves between its queue and `running` while it is read would be missed, and with it what must
 * not be dropped. A request that the log has lost is beyond saving, and needs nothing any more. Undefined also where new
 * queues kept coming.
 */
export async function readLogUse(
  redis: Redis,
  firstSeq: number,
): Promise<LogUse | undefined> {
  // A queue that was empty before may have been given the oldest by now.
  return await atOneInstant(redis, (names) => readOnce(redis, names, firstSeq));
}

async function readOnce(
  redis: Redis,
  names: readonly string[],
  firstSeq: number,
): Promise<(LogUse & { queues: string[] }) | undefined> {
  const commands = redis
    .multi()
    .get(keys.checkpoint)
    .lrange(keys.milestones, 0, -1)
    .hgetall(keys.projections)
    .smembers(keys.queues);
  const places = [...names.map(keys.queue), ...names.map(keys.laterOf)];
  for (const key of [keys.running, ...places])
    commands.zrangebyscore(key, firstSeq, "+inf", "WITHSCORES", "LIMIT", 0, 1);
  const [stored, milestones, projections, queues, running, ...heads] =
    resultsOf(await commands.exec()) as [
      string | null,
      string[],
      Record<string, string>,
      string[],
      Head,
      ...Head[],
    ];
  const checkpoint = decodeCheckpoint(stored);
  if (checkpoint?.caughtUp !== true) return undefined;
  const [runs = "", runsSeq] = running;
  const open = [
    { queue: parseRunningName(runs).queue, seq: seqOf(runsSeq) },
    ...heads.map(([, seq], i) => ({
      queue: parseQueueName(names[i % names.length] ?? ""),
      seq: seqOf(seq),
    })),
  ].filter(({ seq }) => seq < Infinity);
  return {
    checkpoint,
    queues,
    milestones: milestones.map((pair) => {
      const [seq, bytes] = numbersOf(pair);
      return { seq, bytes };
    }),
    oldestOpen: open.length > 0 ? open.reduce(older) : undefined,
    projections: Object.entries(projections).map(([name, pair]) => {
      const [seq, heardAt] = numbersOf(pair);
      return { name, seq, heardAt };
    }),
  };
}

/** The first of a sorted set: its name and score, or nothing. */
type Head = [] | [name: string, score: string];

const seqOf = (score: string | undefined) => Number(score ?? Infinity);

const older = (a: OldestOpen, b: OldestOpen) => (b.seq < a.seq ? b : a);

function numbersOf(pair: string): [number, number] {
  const [first = 0, second = 0] = pair.split(" ").map(Number);
  return [first, second];
}
