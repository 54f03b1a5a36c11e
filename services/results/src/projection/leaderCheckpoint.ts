import type { Broker } from "@jetscribe/event-log/broker/connection";
import {
  compareCheckpoint,
  eventIdAt,
  streamState,
  type StreamState,
} from "@jetscribe/event-log/broker/streamState";
import type { Logger } from "@jetscribe/runtime";
import {
  makeTurns,
  type Change,
  type Checkpoint,
  type Milestone,
  type TaskWriter,
} from "@jetscribe/task-store";
import { isDeepStrictEqual } from "node:util";
import { noOpenWork } from "./projectTasks.ts";

/** The checkpoint in Redis is not the one that this instance wrote: Redis was emptied, or another one leads. */
export const refused = () =>
  new Error("the checkpoint in Redis was changed by somebody else");

type LeaderCheckpoint = ReturnType<typeof makeLeaderCheckpoint>;

/** The checkpoint of whoever leads: as long as it stands in Redis, nobody else has written there. */
export function makeLeaderCheckpoint(
  writer: Pick<TaskWriter, "commit" | "clear">,
  found: Checkpoint | undefined,
) {
  let written = found;
  let tried = found;
  /** Why a step broke off. Redis may have done it all the same: no other is tried until {@link resume} knows. */
  let brokenOff: { cause: unknown } | undefined;
  /** Each step builds on the one before. */
  const inTurn = makeTurns();

  async function write(
    next: Checkpoint,
    write: () => Promise<boolean>,
  ): Promise<void> {
    if (brokenOff) throw brokenOff.cause;
    tried = next;
    try {
      if (!(await write())) throw refused();
    } catch (cause) {
      brokenOff = { cause };
      throw cause;
    }
    written = next;
  }

  return {
    get: () => written,
    /**
     * Goes on from what is stored, if anything; false where that is neither what was written last nor what a broken-off
     * write tried to. `look` gives it, once no step is under way.
     */
    resume: (look: () => Promise<Checkpoint | undefined>): Promise<boolean> =>
      inTurn(async () => {
        const stored = await look();
        const isOurs = [written, tried, undefined].some((own) =>
          isDeepStrictEqual(own, stored),
        );
        if (isOurs) {
          written = stored;
          brokenOff = undefined;
        }
        return isOurs;
      }),
    /** Moves on with these changes in one step. Rejects with {@link refused}, where Redis is away, or as the step before did. */
    advance: (
      move: Partial<Checkpoint>,
      changed: readonly Change[] = [],
      milestones: readonly Milestone[] = [],
    ) =>
      inTurn(async () => {
        const expected = written;
        if (expected === undefined) throw refused();
        const next = { ...expected, beat: expected.beat + 1, ...move };
        await write(next, () =>
          writer.commit({ expected, next, changed, milestones }),
        );
      }),
    /** Empties everything and begins anew. */
    restart: (expected: Checkpoint | undefined, next: Checkpoint) =>
      inTurn(() => write(next, () => writer.clear({ expected, next }))),
  };
}

/**
 * Compares the checkpoint that is stored with the log, and writes the one to go on from, so that whoever led before is
 * refused from now on. Gives the log as it was found. `onRebuild`: everything is about to be projected anew.
 */
export async function takeUp(
  {
    broker,
    own,
    log,
    onRebuild,
  }: {
    broker: Broker;
    own: LeaderCheckpoint;
    log: Logger;
    onRebuild: (reason: "missing" | "lost_tail") => void;
  },
  stored: Checkpoint | undefined,
): Promise<StreamState> {
  const state = await streamState(broker, broker.streams.events);
  const { created, firstSeq, lastSeq } = state;
  const idAt = (at: number) => eventIdAt(broker, at);
  const standing = stored && (await compareCheckpoint(stored, state, idAt));
  if (stored !== undefined && standing === "intact") {
    const caughtUp = stored.caughtUp || stored.seq >= lastSeq;
    await own.advance({ caughtUp });
    return state;
  }
  if (stored === undefined)
    log.info("nothing is projected yet: it is built from the log");
  else if (standing === "lost_tail")
    log.error(
      { seq: stored.seq, was: stored.created, created, last_seq: lastSeq },
      "the log lost its tail: it is projected anew",
    );
  // Tasks whose outcomes are among the missing events would stay open for ever.
  else
    log.error(
      { from: stored.seq + 1, to: firstSeq - 1 },
      "the log begins behind the checkpoint: it is projected anew",
    );
  onRebuild(standing === "lost_tail" ? "lost_tail" : "missing");
  await own.restart(stored, beginningOf(state));
  return state;
}

/** Nothing is projected yet; where the log is empty, that is all. */
function beginningOf({ created, firstSeq, lastSeq }: StreamState): Checkpoint {
  const seq = Math.max(0, firstSeq - 1);
  const caughtUp = seq >= lastSeq;
  const beginning = { created, seq, id: "", caughtUp, beat: 1, bytes: 0 };
  return { ...beginning, open: noOpenWork };
}
