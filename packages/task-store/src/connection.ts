import { Redis } from "ioredis";
import { setTimeout as sleep } from "node:timers/promises";

/** Where a connection says that it comes and goes: a pino logger fits. */
export interface StoreLog {
  info(facts: object, message: string): void;
  warn(facts: object, message: string): void;
}

/** A connection to Redis that comes back by itself, and whose commands fail at once while it is away. */
export type Store = ReturnType<typeof connectStore>;

const SILENCE_MS = 1_000;
const MAX_BACK_OFF_MS = 1_000;

/**
 * Connects in the background, for ever. `name` is what `CLIENT LIST` shows; no key is touched that lacks `prefix`. Redis
 * may be silent for `silenceMs` with commands in flight; then they fail and the connection is made anew.
 */
export function connectStore({
  url,
  prefix,
  name,
  log,
  silenceMs = SILENCE_MS,
}: {
  url: string;
  prefix: string;
  name: string;
  log?: StoreLog;
  silenceMs?: number;
}) {
  const redis = new Redis(url, {
    connectionName: name,
    keyPrefix: prefix,
    enableOfflineQueue: false,
    // A command that is sent again after a reconnect could overtake its caller's decision to give up.
    autoResendUnfulfilledCommands: false,
    maxRetriesPerRequest: 0,
    connectTimeout: silenceMs,
    retryStrategy: (attempt) => Math.min(attempt * 50, MAX_BACK_OFF_MS),
  });
  const ready = () => redis.status === "ready";
  const close = async () => {
    // QUIT lets the commands in flight finish; where it can't be sent, there are none.
    if (ready()) await redis.quit().catch(() => undefined);
    redis.disconnect();
  };
  /** Resolves once it is connected, or after so long. */
  async function whenReady(ms: number): Promise<void> {
    if (ready()) return;
    const tooLate = sleep(ms, undefined, { ref: false });
    const isReady = new Promise((resolve) => redis.once("ready", resolve));
    await Promise.race([isReady, tooLate]);
  }
  let connections = 0;
  redis.on("connect", () => connections++);
  logChanges(redis, name, log);
  breakSilence(redis, silenceMs);
  return {
    silenceMs,
    /** Puts `prefix` before every key of a command; not before channels, nor before what SCAN or KEYS match. */
    redis,
    prefix,
    ready,
    whenReady,
    /** Called at every connection from now on, the first one included. */
    onReady: (listener: () => void) => void redis.on("ready", listener),
    /** Changes with every connection: what WATCH promised ends with the connection that it was sent on. */
    connection: () => connections,
    close,
    [Symbol.asyncDispose]: close,
  };
}

const uses = new WeakMap<Redis, "read" | "watch">();

/**
 * A connection on which a writer watches the checkpoint is the writer's own: any EXEC on it ends the watch, so that the
 * writer's next step would be done over an emptied Redis, or over another leader's. Throws where it is used otherwise.
 */
export function useTo(use: "read" | "watch", redis: Redis): void {
  if ((uses.get(redis) ?? use) !== use)
    throw new Error("a task writer needs a connection to Redis of its own");
  uses.set(redis, use);
}

/** One line per outage and one per connection, however many attempts lie between them. */
export function logChanges(redis: Redis, name: string, log?: StoreLog) {
  let told = false;
  redis.on("error", (error: NodeJS.ErrnoException) => {
    if (told) return;
    told = true;
    log?.warn({ redis: name, err: error }, "Redis can't be reached");
  });
  redis.on("ready", () => {
    told = false;
    log?.info({ redis: name }, "Redis is connected");
  });
}

const looksPerSilence = 5;

/**
 * Ends a connection on which commands wait and nothing came for so long. It counts looks, each after what has arrived was
 * read: the client's own `socketTimeout` takes a stand-still of this process for silence.
 */
export function breakSilence(redis: Redis, silenceMs: number): void {
  let timer: NodeJS.Timeout | undefined;
  redis.on("connect", () => {
    const { stream } = redis;
    let read = stream.bytesRead;
    let inSilence = 0;
    const look = () => {
      const isSilent =
        redis.commandQueue.length > 0 && stream.bytesRead === read;
      inSilence = isSilent ? inSilence + 1 : 0;
      read = stream.bytesRead;
      // The command may have been sent right before the first of these looks.
      if (inSilence > looksPerSilence)
        stream.destroy(new Error(`Redis was silent for ${silenceMs} ms`));
    };
    timer = setInterval(() => setImmediate(look), silenceMs / looksPerSilence);
  });
  redis.on("close", () => clearInterval(timer));
}

/** Redis may throw away the keys of open tasks when its memory is full. */
export class EvictingRedis extends Error {
  readonly code = "EVICTING_REDIS";
  constructor(policy: string) {
    super(
      `Redis has maxmemory-policy ${policy}, which drops open tasks when memory is full; set noeviction or a volatile policy`,
    );
  }
}

/** Refuses a Redis that would evict open tasks. INFO, because hosted servers often forbid CONFIG. */
export async function assertKeepsTasks({
  redis,
}: Pick<Store, "redis">): Promise<void> {
  const memory = await redis.info("memory");
  const policy = /^maxmemory_policy:(\S+)/m.exec(memory)?.[1] ?? "";
  if (policy.startsWith("allkeys-")) throw new EvictingRedis(policy);
}
