/**
 * The broker drops nothing of EVENTS by itself. The leading instance drops what is finished, read, and too old or too
 * much: by sequence, so that what is unfinished is never among it.
 */
import type { BrokerClock } from "@jetscribe/event-log/broker/brokerClock";
import type { Broker } from "@jetscribe/event-log/broker/connection";
import { limitOf, outcomeReserve } from "@jetscribe/event-log/streams/logLimit";
import { firstSeqSince } from "@jetscribe/event-log/read/readLog";
import {
  compareCheckpoint,
  eventIdAt,
  purgeEventsBefore,
  streamState,
  type StreamState,
} from "@jetscribe/event-log/broker/streamState";
import type { Logger } from "@jetscribe/runtime";
import { goneAfterMs } from "@jetscribe/schema";
import type { LogUse, TaskReader } from "@jetscribe/task-store";
import { bytesFrom, holdsOf, planTrim, type Hold } from "./planTrim.ts";
import type { Listening } from "./listening.ts";
import { noOpenWork } from "../projection/projectTasks.ts";
import type { Projection } from "../projection/projection.ts";
import { makeUnsynced, syncWithinMs } from "./unsynced.ts";
import type { Job } from "../projection/whileLeading.ts";

const lookEveryMs = 1_000;
const readEveryMs = 5_000;
const trimEveryMs = 10_000;
/** A small log can fill within that: from this share of the limit on, outcomes to come included, every look may trim. */
const urgentShare = 0.8;

/** What the oldest events of the log are kept for. */
export interface LogHeld extends Hold {
  /** From there to the log's end, as a share of the limit. */
  share: number;
}

export type LogTrim = ReturnType<typeof makeLogTrim>;

export function makeLogTrim({
  broker,
  clock,
  reader,
  projection,
  listening,
  maxAgeMs,
  log,
}: {
  broker: Broker;
  clock: Pick<BrokerClock, "nowMs" | "isRead">;
  reader: Pick<TaskReader, "logUse">;
  projection: Pick<Projection, "role">;
  listening: Listening;
  maxAgeMs: number;
  log: Logger;
}) {
  let held: LogHeld | undefined;
  const unsynced = makeUnsynced();
  const syncWithin = (urgent: boolean) =>
    syncWithinMs(broker.serverVersion, urgent);
  let lookedAt = -Infinity;
  let trimmedAt = -Infinity;

  async function look(): Promise<void> {
    const state = await streamState(broker, broker.streams.events);
    const limit = limitOf(state.maxBytes);
    const now = performance.now();
    const { open = noOpenWork, error } = projection.role();
    if (error !== undefined) return;
    // Every reader that is there was heard by then, also where Redis was emptied or nobody noted it for a day.
    if (listening.forMs() < goneAfterMs) return;
    const urgent = state.bytes + outcomeReserve(open) > urgentShare * limit;
    if (!urgent && now - lookedAt < readEveryMs) return;
    lookedAt = now;
    const use = await reader.logUse(state.firstSeq);
    if (use === undefined || !(await isIntact(use, state))) return;
    // Before the broker's time is known no event is over its age, and nobody silent for too long.
    const nowMs = clock.isRead() ? clock.nowMs() : 0;
    held = heldIn(use, state, limit, nowMs);
    // An outcome that the broker's machine loses with its power has to find its request again: the purge is kept.
    unsynced.note(now, held?.seq ?? 0);
    if (!urgent && now - trimmedAt < trimEveryMs) return;
    const oldestMs = nowMs - maxAgeMs;
    const youngFrom =
      state.messages > 0 && state.firstTimeMs < oldestMs
        ? await firstSeqSince(broker, broker.streams.events, oldestMs)
        : undefined;
    const needed = unsynced.least(now, syncWithin(urgent));
    const places = { youngFrom, needed };
    const upTo = planTrim(use, state, places, { limit, maxAgeMs }, nowMs);
    if (upTo === undefined) return;
    trimmedAt = now;
    await trim(upTo, use);
  }

  /** A log that lost its tail has other events at these places: what was read of them says nothing of these. */
  const isIntact = async ({ checkpoint }: LogUse, state: StreamState) =>
    (await compareCheckpoint(checkpoint, state, (seq) =>
      eventIdAt(broker, seq),
    )) === "intact";

  /** The log may have lost its tail since the plan was made. */
  async function trim(upTo: number, use: LogUse): Promise<void> {
    const state = await streamState(broker, broker.streams.events);
    if (!(await isIntact(use, state))) return;
    const { leading, error } = projection.role();
    if (!leading || error !== undefined) return;
    await purgeEventsBefore(broker, upTo);
    const facts = { from: state.firstSeq, to: upTo - 1 };
    log.info(facts, "finished history was dropped from the log");
  }

  const job: Job = {
    everyMs: lookEveryMs,
    onTick(leads) {
      if (leads) return;
      held = undefined;
      unsynced.forget();
    },
    look,
    failed: "the log can't be trimmed",
  };
  return {
    /** As of the last look; undefined: nothing is known, or the log is empty. */
    held: () => held,
    job,
  };
}

function heldIn(
  use: LogUse,
  state: StreamState,
  limit: number,
  nowMs: number,
): LogHeld | undefined {
  const [oldest] = holdsOf(use, nowMs);
  if (oldest === undefined) return undefined;
  return { ...oldest, share: bytesFrom(oldest.seq, use, state) / limit };
}
