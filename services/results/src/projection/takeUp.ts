import type { Broker } from "@jetscribe/event-log/broker/connection";
import {
  eventIdAt,
  streamState,
  type StreamState,
} from "@jetscribe/event-log/broker/streamState";
import type { Logger } from "@jetscribe/runtime";
import type { Checkpoint } from "@jetscribe/task-store";
import type { HeldCheckpoint } from "./heldCheckpoint.ts";
import { noOpenWork } from "./openWork.ts";
import { standingOf } from "./standing.ts";

export interface TakeUp {
  broker: Broker;
  held: HeldCheckpoint;
  log: Logger;
  /** Everything is about to be projected anew. */
  onRebuild: (reason: "missing" | "lost_tail") => void;
}

/**
 * Holds the checkpoint that is stored against the log, and writes the one to go on from, so that whoever led before
 * is refused from now on. Gives the log as it was found.
 */
export async function takeUp(
  { broker, held, log, onRebuild }: TakeUp,
  stored: Checkpoint | undefined,
): Promise<StreamState> {
  const state = await streamState(broker, broker.streams.events);
  const { created, firstSeq, lastSeq } = state;
  if (stored === undefined) {
    log.info("nothing is projected yet: it is built from the log");
    onRebuild("missing");
    await held.restart(undefined, beginningOf(state));
    return state;
  }
  const { seq } = stored;
  const idAt = (at: number) => eventIdAt(broker, at);
  const standing = await standingOf(stored, state, idAt);
  if (standing === "lost_tail") {
    const facts = { seq, was: stored.created, created, last_seq: lastSeq };
    log.error(facts, "the log lost its tail: it is projected anew");
    onRebuild("lost_tail");
    await held.restart(stored, beginningOf(state));
    return state;
  }
  if (standing === "gap") {
    // Tasks whose outcomes are among the missing events would stay open for ever.
    const gap = { from: seq + 1, to: firstSeq - 1 };
    log.error(
      gap,
      "the log begins behind the checkpoint: it is projected anew",
    );
    onRebuild("missing");
    await held.restart(stored, beginningOf(state));
    return state;
  }
  await held.advance({ caughtUp: stored.caughtUp || seq >= lastSeq });
  return state;
}

/** Nothing is projected yet; where the log is empty, that is all. */
function beginningOf({ created, firstSeq, lastSeq }: StreamState): Checkpoint {
  const seq = Math.max(0, firstSeq - 1);
  const caughtUp = seq >= lastSeq;
  const beginning = { created, seq, id: "", caughtUp, beat: 1, bytes: 0 };
  return { ...beginning, open: noOpenWork };
}
