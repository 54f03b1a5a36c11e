/** Which part of the log is still needed, and how many bytes that is. */
import type { ChainableCommander, Redis } from "ioredis";
import { all } from "./backlog.ts";
import { decodeCheckpoint, type Checkpoint } from "./codec.ts";
import { keys } from "./keys.ts";

/** The messages up to a sequence have so many bytes together, counted from where the projection was begun. */
export interface Milestone {
  seq: number;
  bytes: number;
}

export interface LogUse {
  checkpoint: Checkpoint;
  /** Oldest first. */
  milestones: Milestone[];
  /** The sequence of the oldest unfinished request; undefined: there is none. */
  oldestOpen: number | undefined;
  /** The other projections, and when they were last heard of in ms since the epoch. */
  projections: { name: string; seq: number; heardAt: number }[];
}

/** More than lie in a full log. */
const most = 512;

export function writeMilestones(
  commands: ChainableCommander,
  milestones: readonly Milestone[],
): void {
  if (milestones.length === 0) return;
  commands.rpush(
    keys.milestones,
    ...milestones.map(({ seq, bytes }) => `${seq} ${bytes}`),
  );
  commands.ltrim(keys.milestones, -most, -1);
}

/** A request that the log has lost is beyond saving, and needs nothing any more. */
export async function readLogUse(
  redis: Redis,
  firstSeq: number,
): Promise<LogUse | undefined> {
  // The checkpoint first: what came after it holds no more than it does.
  const [stored, milestones, projections, names] = await Promise.all([
    redis.get(keys.checkpoint),
    redis.lrange(keys.milestones, 0, -1),
    redis.hgetall(keys.projections),
    redis.smembers(keys.queues),
  ]);
  const checkpoint = decodeCheckpoint(stored);
  if (checkpoint?.caughtUp !== true) return undefined;
  const sets = [keys.running, ...names.map(keys.queue)];
  const oldest = await all(redis, sets, (pipeline, key) =>
    pipeline.zrangebyscore(
      ...([key, firstSeq, "+inf", "WITHSCORES"] as const),
      ...(["LIMIT", 0, 1] as const),
    ),
  );
  const open = (oldest as string[][]).flatMap(([, score]) => score ?? []);
  return {
    checkpoint,
    milestones: milestones.map((pair) => {
      const [seq, bytes] = numbersOf(pair);
      return { seq, bytes };
    }),
    oldestOpen: open.length > 0 ? Math.min(...open.map(Number)) : undefined,
    projections: Object.entries(projections).map(([name, pair]) => {
      const [seq, heardAt] = numbersOf(pair);
      return { name, seq, heardAt };
    }),
  };
}

function numbersOf(pair: string): [number, number] {
  const [first = 0, second = 0] = pair.split(" ").map(Number);
  return [first, second];
}
