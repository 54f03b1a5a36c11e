import { randomUUID } from "node:crypto";
import type { ChainableCommander } from "ioredis";
import { useTo, type Store } from "./connection.ts";
import { isProjected, keys } from "./keys.ts";
import { resultsOf } from "./results.ts";
import { writeMilestones, type Milestone } from "./logUse.ts";
import { makeLook } from "./look.ts";
import {
  decodeCheckpoint,
  encodeCheckpoint,
  type Checkpoint,
} from "./codec.ts";
import type { Change } from "./activeQueues.ts";
import { writeTasks } from "./writeTasks.ts";

interface Move {
  /** The checkpoint that must be in Redis; undefined: none. */
  expected: Checkpoint | undefined;
  next: Checkpoint;
}

/**
 * Writes the projection; several may exist, and the checkpoint decides between them. A call that rejects (the
 * connection broke) may or may not have happened: read the checkpoint and go on from there.
 */
export type TaskWriter = ReturnType<typeof makeTaskWriter>;

interface Commit extends Move {
  changed: readonly Change[];
  /** Those that were passed. */
  milestones?: readonly Milestone[];
}

/** The checkpoint as it was when the watch on it began; it holds on this connection alone. */
interface Watched {
  connection: number;
  stored: string | null;
}

/** The store is the writer's own: WATCH belongs to a connection. */
export function makeTaskWriter(
  store: Store,
  {
    resultTtlMs,
    longestWaitMs = Infinity,
    clearStep = 1_000,
    now = Date.now,
  }: {
    resultTtlMs: number;
    /** The longest time that tasks may wait to be started; by default each has a deadline of its own. */
    longestWaitMs?: number;
    /** About how many keys `clear` removes at a time. */
    clearStep?: number;
    now?: () => number;
  },
) {
  const { redis, prefix } = store;
  useTo("watch", redis);
  const look = makeLook(redis);
  const inTurn = makeTurns();

  /** What a step that ended has left to be watched for the next one. */
  let ahead: Promise<Watched | undefined> | undefined;

  /** Watches the checkpoint, and nothing that was watched before, from now until the next EXEC. */
  async function watch(): Promise<Watched> {
    const connection = store.connection();
    const commands = redis.pipeline().unwatch().watch(keys.checkpoint);
    const replies = await commands.get(keys.checkpoint).exec();
    const stored = resultsOf(replies).at(-1) as string | null;
    return { connection, stored };
  }

  /**
   * Begins a step: true if `holds` of what is stored as the checkpoint, which is watched then. Most steps find it watched
   * already, as the one before left it: that saves them a round trip.
   */
  async function begin(
    holds: (stored: string | null) => boolean,
  ): Promise<boolean> {
    const before = await ahead;
    ahead = undefined;
    if (before?.connection === store.connection() && holds(before.stored))
      return true;
    const { connection, stored } = await watch();
    // On another connection nothing is watched. From here to the write of the commands nothing can come between.
    if (store.connection() !== connection)
      throw new Error("the connection to Redis was replaced");
    return holds(stored);
  }

  /** One atomic step, if `holds` of what is stored as the checkpoint. */
  async function step(
    holds: (stored: string | null) => boolean,
    write: (step: ChainableCommander) => void,
  ): Promise<boolean> {
    if (!(await begin(holds))) return false;
    const commands = redis.multi();
    write(commands);
    const executed = commands.exec();
    ahead = watch().catch(() => undefined);
    const replies = await executed.catch((error: unknown) => {
      throw reasonOf(error);
    });
    const failure = replies?.find(([error]) => error !== null)?.[0];
    if (failure) {
      // Redis did the rest of the step all the same: without a checkpoint it is rebuilt.
      await redis.del(keys.checkpoint);
      throw failure;
    }
    return replies !== null;
  }

  /** Empties the projection in bounded steps, then sets `next`. Meanwhile, and after a crash on the way, there is no checkpoint. */
  async function clear({ expected, next }: Move): Promise<boolean> {
    // The claim is no checkpoint to anybody. Whoever claims later takes over: our next step is refused.
    const claim = `clearing ${randomUUID()}`;
    const isOurs = (stored: string | null) => stored === claim;
    const claimed = await step(
      (stored) => same(decodeCheckpoint(stored), expected),
      (commands) => commands.set(keys.checkpoint, claim),
    );
    if (!claimed) return false;
    let cursor = "0";
    do {
      // A prefix has no letter that has a meaning in a pattern.
      const matching = ["MATCH", `${prefix}*`, "COUNT", clearStep] as const;
      const [after, found] = await redis.scan(cursor, ...matching);
      const ours = found
        .map((key) => key.slice(prefix.length))
        .filter(isProjected);
      if (
        ours.length > 0 &&
        !(await step(isOurs, (commands) => commands.unlink(ours)))
      )
        return false;
      cursor = after;
    } while (cursor !== "0");
    return step(isOurs, (commands) =>
      commands.set(keys.checkpoint, encodeCheckpoint(next)),
    );
  }

  return {
    read: async (ids: readonly string[]) => (await look(ids)).tasks,
    /** States and checkpoint in one atomic step; false, and nothing written, if the checkpoint is not `expected`. Each task once. */
    commit: ({ expected, next, changed, milestones = [] }: Commit) =>
      inTurn(() =>
        step(
          // A claim is refused here even where no checkpoint is expected: there are remains of the old one.
          (stored) => stored === (expected ? encodeCheckpoint(expected) : null),
          (commands) => {
            writeTasks(commands, changed, {
              prefix,
              resultTtlMs,
              longestWaitMs,
              now: now(),
            });
            writeMilestones(commands, milestones);
            commands.set(keys.checkpoint, encodeCheckpoint(next));
          },
        ),
      ),
    clear: (move: Move) => inTurn(() => clear(move)),
    /** Takes note of how far another projection is, and since when, in ms since the epoch. */
    noteProjection: async (name: string, seq: number, heardAt: number) =>
      void (await redis.hset(keys.projections, name, `${seq} ${heardAt}`)),
  };
}

/** Of a step of which Redis did nothing it says only that; what it refused was said before. */
const reasonOf = (error: unknown): unknown =>
  (error as { previousErrors?: Error[] }).previousErrors?.[0] ?? error;

const same = (a: Checkpoint | undefined, b: Checkpoint | undefined): boolean =>
  a === undefined || b === undefined
    ? a === b
    : encodeCheckpoint(a) === encodeCheckpoint(b);

/** Makes a function that runs what it is given one after the other, whatever became of the one before. */
export function makeTurns(): <T>(run: () => Promise<T>) => Promise<T> {
  let last: Promise<unknown> = Promise.resolve();
  return (run) => {
    const next = last.then(run, run);
    last = next.catch(() => undefined);
    return next;
  };
}
