import type { TaskState } from "@jetscribe/schema";
import type { Redis } from "ioredis";
import { keys } from "./keys.ts";
import { decodeCheckpoint, decodeTask, type Checkpoint } from "./codec.ts";

/** Tasks and checkpoint as they were at one instant. */
export interface Look {
  /** Undefined: nothing is projected (Redis is new, was emptied, or a rebuild begins), so a missing task proves nothing. */
  checkpoint: Checkpoint | undefined;
  /** In the order of the ids; undefined: unknown, or its outcome has expired. */
  tasks: (TaskState | undefined)[];
}

interface Waiting {
  ids: readonly string[];
  resolve: (look: Look) => void;
  reject: (error: unknown) => void;
}

/** At most about this many tasks in one MGET, so that no reply holds up the others for long. */
const BATCH = 500;

/** Reads tasks; all calls of one turn of the event loop share one MGET, which is 4 times cheaper than one each. */
export function makeLook(
  redis: Redis,
): (ids: readonly string[]) => Promise<Look> {
  let waiting: Waiting[] = [];
  let size = 0;

  function flush() {
    const batch = waiting;
    waiting = [];
    size = 0;
    if (batch.length > 0) void answer(redis, batch);
  }

  return (ids) =>
    new Promise((resolve, reject) => {
      if (waiting.length === 0) setImmediate(flush);
      waiting.push({ ids, resolve, reject });
      size += ids.length;
      if (size >= BATCH) flush();
    });
}

async function answer(redis: Redis, batch: Waiting[]) {
  try {
    const names = batch.flatMap(({ ids }) => ids.map(keys.task));
    const [stored, ...values] = await redis.mget([keys.checkpoint, ...names]);
    const checkpoint = decodeCheckpoint(stored);
    let next = 0;
    for (const { ids, resolve } of batch)
      resolve({
        checkpoint,
        tasks: ids.map((id) => decodeTask(id, values[next++])),
      });
  } catch (error) {
    for (const { reject } of batch) reject(error);
  }
}
