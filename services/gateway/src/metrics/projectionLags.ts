/** How far the projections are behind the log. */
import type { Broker } from "@jetscribe/event-log/broker/connection";
import { orAborted } from "@jetscribe/event-log/broker/orAborted";
import {
  messageAt,
  streamState,
  type StreamState,
} from "@jetscribe/event-log/broker/streamState";
import type { BrokerClock } from "@jetscribe/event-log/broker/brokerClock";
import type { TaskReader } from "@jetscribe/task-store";
import type { ProjectionsHeard } from "../admission/projectionsHeard.ts";

export interface ProjectionLag {
  name: string;
  /** Heard lately, and it gets on. */
  up: boolean;
  /** Events that it has not read; undefined where it was never heard of. */
  events?: number;
  /** The age of the oldest of them; 0: there is none. */
  seconds?: number;
}

/** A broker that is away or frozen must not hold a scrape up. */
const withinMs = 1_000;

export function makeReadLags(deps: {
  broker: Broker;
  reader: Pick<TaskReader, "look">;
  projections: Pick<ProjectionsHeard, "all" | "away" | "read">;
  clock: Pick<BrokerClock, "nowS">;
}) {
  const { broker, reader, projections, clock } = deps;
  /** Heartbeats tell it up to 2 s late; of the projection into Redis its checkpoint tells it at once. */
  async function readUpTo(): Promise<Map<string, number>> {
    const read = new Map(projections.read());
    const shown = await reader.look([]).catch(() => undefined);
    if (shown?.checkpoint) read.set("results", shown.checkpoint.seq);
    return read;
  }

  async function ageOf(seq: number, log: StreamState): Promise<number> {
    const first = Math.max(seq + 1, log.firstSeq);
    const unread = await messageAt(broker, broker.streams.events, first);
    const time = unread?.time ?? log.firstTimeMs / 1_000;
    return Math.max(0, clock.nowS() - time);
  }

  async function lagOf(
    name: string,
    seq: number | undefined,
    log: StreamState | undefined,
  ): Promise<ProjectionLag> {
    const heard = projections.all().find((one) => one.name === name);
    const is = { name, up: heard !== undefined && heard.error === undefined };
    if (log === undefined || seq === undefined) return is;
    const events = Math.max(0, log.lastSeq - seq);
    if (events === 0) return { ...is, events, seconds: 0 };
    const seconds = await ageOf(seq, log).catch(() => undefined);
    return { ...is, events, ...(seconds !== undefined && { seconds }) };
  }

  return async (): Promise<ProjectionLag[]> => {
    const read = await readUpTo();
    const names = new Set([...read.keys(), ...projections.away()]);
    const log = await lookAtLog(broker);
    return await Promise.all(
      [...names].map((name) => lagOf(name, read.get(name), log)),
    );
  };
}

/** Undefined: the broker is away, or does not answer. */
const lookAtLog = async (broker: Broker): Promise<StreamState | undefined> =>
  broker.connected
    ? await orAborted(
        streamState(broker, broker.streams.events),
        AbortSignal.timeout(withinMs),
      ).catch(() => undefined)
    : undefined;
