/** The durable consumers that keep the subscribers' places in the log. The operator makes and removes them. */
import {
  AckPolicy,
  DeliverPolicy,
  type ConsumerInfo,
} from "@nats-io/jetstream";
import type { Broker } from "../broker/connection.ts";
import { isFrom210 } from "../broker/serverVersion.ts";
import { orMissing, streamState } from "../broker/streamState.ts";
import { firstSeqSince } from "../read/readLog.ts";
import { consumerNames, refuseDifference } from "../streams/topology.ts";
import {
  durableNameOf,
  filtersOf,
  subscriberOfDurable,
  type Subscriber,
} from "../accounts/subscriber.ts";

/** The server is too old for what the subscriber is to get. */
export class FilterError extends Error {
  override readonly name = "FilterError";
  readonly code = "FILTER";
}

/**
 * Makes the durable consumer of a subscriber. Rejects with a FilterError where its events need several filters and the
 * server is older than 2.10, with another error where the broker refuses it or makes something else of it. Then none is
 * left.
 */
export async function makeDurable(
  broker: Broker,
  subscriber: Subscriber,
): Promise<void> {
  const { jsm, streams, serverVersion } = broker;
  const filters = filtersOf(subscriber, broker);
  if (filters.length > 1 && !isFrom210(serverVersion))
    throw new FilterError(
      `nats-server ${serverVersion} has one filter for a consumer, and this subscriber needs ${filters.length} (${filters.join(", ")}): take nats-server 2.10 or newer, or one type`,
    );
  const { name, noText, from } = subscriber;
  const wanted = {
    durable_name: durableNameOf(name, broker),
    ack_policy: AckPolicy.Explicit,
    ...(filters.length > 1
      ? { filter_subjects: filters }
      : { filter_subject: filters.join() }),
    ...(noText && { headers_only: true }),
    // By its sequence, whatever it was named by: what the subscriber has missed is counted from there.
    deliver_policy: DeliverPolicy.StartSequence,
    opt_start_seq: await startOf(broker, from),
  };
  const { config } = await jsm.consumers.add(streams.events, wanted);
  try {
    refuseDifference(`consumer ${wanted.durable_name}`, wanted, config);
  } catch (error) {
    await removeDurable(broker, name);
    throw error;
  }
}

/** The sequence of the first event that was stored at the time or later; without one, that of the next event. */
async function startOf(
  broker: Broker,
  from: string | undefined,
): Promise<number> {
  const { events } = broker.streams;
  if (from !== undefined)
    return await firstSeqSince(broker, events, Date.parse(from));
  return (await streamState(broker, events)).lastSeq + 1;
}

/** False where it is gone already. */
export async function removeDurable(
  broker: Broker,
  name: string,
): Promise<boolean> {
  const { jsm, streams } = broker;
  const durable = durableNameOf(name, broker);
  const removed = await orMissing(
    jsm.consumers.delete(streams.events, durable),
  );
  return removed === true;
}

/** Where a subscriber's durable consumer stands. */
export interface Place {
  /** The subjects that it delivers. */
  filters: string[];
  /** It delivers headers alone. */
  noText: boolean;
  /** Events that it was not yet given. */
  pending: number;
  /** Events that it was given and has not acknowledged. */
  inHand: number;
  /**
   * Events that the log dropped before it was given them, at the least: one that it was given twice may hide one. Undefined
   * where it has a filter, or is of an earlier version: nobody knows how many of the dropped events were its own.
   */
  missed: number | undefined;
  /** Pulls that wait at the broker: more than 0 where a program waits for events. */
  waiting: number;
}

/** Undefined where the subscriber has no durable consumer. */
export async function placeOf(
  broker: Broker,
  name: string,
): Promise<Place | undefined> {
  return await placeBehind(await firstSeqOf(broker), broker, name);
}

const firstSeqOf = async (broker: Broker): Promise<number> =>
  (await streamState(broker, broker.streams.events)).firstSeq;

/** Where the log begins with this sequence. */
async function placeBehind(
  firstSeq: number,
  broker: Broker,
  name: string,
): Promise<Place | undefined> {
  const { jsm, streams } = broker;
  const durable = durableNameOf(name, broker);
  const info = await orMissing(jsm.consumers.info(streams.events, durable));
  return info && toPlace(info, firstSeq, broker);
}

/** The places of all subscribers, by their names. */
export async function listPlaces(broker: Broker): Promise<Map<string, Place>> {
  const places = new Map<string, Place>();
  const firstSeq = await firstSeqOf(broker);
  for (const durable of await consumerNames(broker)) {
    const name = subscriberOfDurable(durable, broker);
    if (name === undefined) continue;
    const place = await placeBehind(firstSeq, broker, name);
    // It may have been removed meanwhile.
    if (place !== undefined) places.set(name, place);
  }
  return places;
}

function toPlace(
  info: ConsumerInfo,
  firstSeq: number,
  { subjects }: Broker,
): Place {
  const { config, num_pending, num_ack_pending, num_waiting } = info;
  const filters = config.filter_subjects ?? [config.filter_subject ?? ">"];
  const isWhole = filters.join() === subjects.allEvents;
  return {
    ...{ filters, noText: config.headers_only === true },
    ...{ pending: num_pending, inHand: num_ack_pending, waiting: num_waiting },
    missed: isWhole ? missedBy(info, firstSeq) : undefined,
  };
}

/** Without a filter its events have no gaps: of the sequences that it has passed, those that it was not given were dropped. */
function missedBy(
  { config: { opt_start_seq: start }, delivered }: ConsumerInfo,
  firstSeq: number,
): number | undefined {
  if (start === undefined) return undefined;
  const passed = Math.max(delivered.stream_seq, firstSeq - 1) - (start - 1);
  return Math.max(0, passed - delivered.consumer_seq);
}
