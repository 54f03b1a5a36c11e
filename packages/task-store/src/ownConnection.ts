/**
 * A connection on which a writer watches the checkpoint is the writer's own: any EXEC on it ends the watch, so that the
 * writer's next step would be done over an emptied Redis, or over another leader's.
 */
import type { Redis } from "ioredis";

const watched = new WeakSet<Redis>();
const read = new WeakSet<Redis>();

/** Throws where somebody reads on the connection. */
export function useToWatch(redis: Redis): void {
  if (read.has(redis)) throw new Error(message);
  watched.add(redis);
}

/** Throws where a writer watches on the connection. */
export function useToRead(redis: Redis): void {
  if (watched.has(redis)) throw new Error(message);
  read.add(redis);
}

const message = "a task writer needs a connection to Redis of its own";
