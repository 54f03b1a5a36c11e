/** Workers as they were last heard. Nothing else has it: where Redis is emptied, the silent ones are forgotten. */
import { SeenWorker } from "@jetscribe/schema";
import type { Store } from "./connection.ts";
import { keys } from "./keys.ts";

type Redis = Pick<Store, "redis">;

/** Rejects where Redis is down, as all of these. */
export async function writeSeenWorkers(
  { redis }: Redis,
  workers: readonly SeenWorker[],
): Promise<void> {
  const values = workers.map(
    (worker) => [worker.worker_id, JSON.stringify(worker)] as const,
  );
  if (values.length > 0) await redis.hset(keys.workers, new Map(values));
}

/** The one that was heard last first; what another version wrote, and this one can't read, is passed over. */
export async function readSeenWorkers({ redis }: Redis): Promise<SeenWorker[]> {
  const all = await redis.hvals(keys.workers);
  return all
    .flatMap((text) => SeenWorker.safeParse(JSON.parse(text)).data ?? [])
    .sort((a, b) => b.last_heard_at - a.last_heard_at);
}

/** How many of them there were. */
export const forgetSeenWorkers = async (
  { redis }: Redis,
  ids: readonly string[],
): Promise<number> =>
  ids.length === 0 ? 0 : await redis.hdel(keys.workers, ...ids);
