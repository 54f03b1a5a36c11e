/** What stands on the broker: streams and work queues as data, created where they are missing. */
import { idempotencyKeyForMs, type Names, type Queue } from "@jetscribe/schema";
import {
  AckPolicy,
  DeliverPolicy,
  DiscardPolicy,
  JetStreamApiError,
  RetentionPolicy,
  StorageType,
  type ConsumerConfig,
  type ConsumerInfo,
  type StreamConfig,
} from "@nats-io/jetstream";
import { nanos } from "@nats-io/nats-core";
import { isForbidden, type Broker } from "../broker/connection.ts";
import { whyForeign } from "./foreignStream.ts";
import { newestRequest } from "./groups.ts";
import { maxBytesOf } from "./logLimit.ts";
import { whyUnusable } from "../broker/serverVersion.ts";
import { lastMessageOf, orMissing } from "../broker/streamState.ts";
import {
  differences,
  differencesOf,
  isBearable,
  wordsOf,
  type StreamDifference,
  type WantedStream,
} from "./streamDifferences.ts";

export interface TopologySettings {
  /** Bytes up to which requests are accepted; the stream is larger: see `logLimit.ts`. */
  eventsMaxBytes: number;
  taskTimeoutMs: number;
  /** How long an audit record stays. */
  auditMaxAgeMs: number;
  auditMaxBytes: number;
  /** Copies of each stream in a cluster: 1, 3 or 5. */
  replicas: number;
}

const day = 24 * 3_600_000;

export const wantedStreams = (
  settings: TopologySettings,
  { streams, subjects }: Names,
): WantedStream[] => [
  {
    ...common(settings),
    name: streams.events,
    subjects: [subjects.allEvents],
    // The broker itself drops nothing: only the leading results service knows what is not needed any more.
    discard: DiscardPolicy.New,
    max_age: 0,
    max_msgs_per_subject: -1,
    max_bytes: maxBytesOf(settings.eventsMaxBytes),
    // One for each model, lane and owner, and the readers. Without a number the newest servers stop at 1,000.
    max_consumers: 100_000,
    allow_direct: true,
    // The live feed of what is stored: headers only, so that no prompt or result leaves the log by it.
    republish: {
      src: subjects.allEvents,
      dest: subjects.allStored,
      headers_only: true,
    },
  },
  {
    ...common(settings),
    name: streams.tokens,
    subjects: [subjects.tokens("*")],
    max_age: nanos(3 * settings.taskTimeoutMs),
    max_bytes: 1_000_000_000,
    allow_direct: true,
  },
  {
    ...common(settings),
    name: streams.logs,
    subjects: [subjects.log("*")],
    max_age: nanos(7 * day),
    max_bytes: 256_000_000,
  },
  {
    ...common(settings),
    name: streams.idempotency,
    subjects: [subjects.idempotencyKey("*", "*")],
    // A key that was dropped early would make a second task: a full stream refuses new keys instead.
    discard: DiscardPolicy.New,
    max_msgs_per_subject: 1,
    max_age: nanos(idempotencyKeyForMs),
    max_bytes: 256_000_000,
  },
  {
    ...common(settings),
    name: streams.keys,
    subjects: [subjects.allKeyEvents],
    // A revocation that was dropped would make a key work again.
    discard: DiscardPolicy.New,
    max_age: 0,
    max_msgs_per_subject: -1,
    max_bytes: 64_000_000,
  },
  {
    ...common(settings),
    name: streams.audit,
    subjects: [subjects.allAuditRecords],
    // Whoever reads much would drop the records of others: a full stream refuses, and then no text is shown.
    discard: DiscardPolicy.New,
    max_age: nanos(settings.auditMaxAgeMs),
    max_bytes: settings.auditMaxBytes,
  },
  {
    ...common(settings),
    name: streams.webhooks,
    subjects: [subjects.allWebhooks],
    // The state of a delivery is its newest record. One that was dropped early would be a webhook that nobody gets.
    discard: DiscardPolicy.New,
    max_msgs_per_subject: 1,
    max_age: nanos(30 * day),
    max_bytes: 256_000_000,
  },
];

const common = ({ replicas }: TopologySettings) => ({
  retention: RetentionPolicy.Limits,
  discard: DiscardPolicy.Old,
  storage: StorageType.File,
  num_replicas: replicas,
});

/** The broker has something that can't be made what it has to be. */
export class TopologyError extends Error {
  override readonly name = "TopologyError";
  readonly code = "TOPOLOGY";
}

/** A stream is missing, and the user may not make it. */
export class StreamMissingError extends Error {
  override readonly name = "StreamMissingError";
  readonly code = "STREAM_MISSING";
  readonly stream: string;

  constructor(stream: string, options?: ErrorOptions) {
    super(
      `there is no stream ${stream}, and the user may not make it`,
      options,
    );
    this.stream = stream;
  }
}

/**
 * Creates the streams that are missing, and reads back what the server made of them: old servers leave out silently
 * what they don't know. A stream that is there is never changed: the differences that services can live with are
 * returned. Rejects with a TopologyError where a service can't work with a stream or the server, with another error
 * where a cluster can't say yet. Call it again after every reconnect. Without `create` it makes nothing: it rejects with a
 * StreamMissingError, as where the broker forbids it.
 */
export async function ensureTopology(
  broker: Broker,
  settings: TopologySettings,
  { create = true }: { create?: boolean } = {},
): Promise<StreamDifference[]> {
  const all = wantedStreams(settings, broker);
  await refuseUnusable(broker, all, { create });
  const found: StreamDifference[] = [];
  for (const wanted of all)
    found.push(
      ...(await orTopologyError(wanted, ensureStream(broker, wanted, create))),
    );
  return found;
}

/**
 * Throws a TopologyError where the server is too old, or something of another application is in the way: before any
 * stream is made, so that nothing of ours is left on somebody else's broker.
 */
export async function refuseUnusable(
  broker: Broker,
  all: readonly WantedStream[],
  { create = true }: { create?: boolean } = {},
): Promise<void> {
  const refuse = (why: string | undefined) => {
    if (why !== undefined) throw new TopologyError(why);
  };
  refuse(whyUnusable(broker.serverVersion));
  for (const wanted of all)
    refuse(await orTopologyError(wanted, whyForeign(broker, wanted, create)));
}

/** The broker's refusal as a TopologyError, unless it is a passing one; what the user may not do, as a StreamMissingError. */
export async function orTopologyError<T>(
  { name }: Pick<WantedStream, "name">,
  asked: Promise<T>,
): Promise<T> {
  try {
    return await asked;
  } catch (cause) {
    if (isForbidden(cause)) throw new StreamMissingError(name, { cause });
    if (!(cause instanceof JetStreamApiError) || isPassing(cause)) throw cause;
    throw new TopologyError(`stream ${name}: ${cause.message}`, { cause });
  }
}

/** A cluster that elects a leader, or lacks a node: asked again it says something else. */
const passing: ReadonlySet<number> = new Set([
  10_004, 10_005, 10_007, 10_008, 10_009, 10_118,
]);

const isPassing = (error: JetStreamApiError): boolean =>
  passing.has(error.apiError().err_code);

async function ensureStream(
  broker: Broker,
  wanted: WantedStream,
  create: boolean,
): Promise<StreamDifference[]> {
  const { jsm } = broker;
  const find = () => orMissing(jsm.streams.info(wanted.name));
  const found = await find();
  if (found !== undefined) return compare(broker, wanted, found.config);
  if (!create) throw new StreamMissingError(wanted.name);
  try {
    const { config } = await jsm.streams.add(wanted);
    refuseDifference(`stream ${wanted.name}`, wanted, config);
    return [];
  } catch (error) {
    // Another service was first.
    const raced = error instanceof JetStreamApiError && (await find());
    if (!raced) throw error;
    return compare(broker, wanted, raced.config);
  }
}

/** The differences that can be lived with. Throws a TopologyError for the others. */
function compare(broker: Broker, wanted: WantedStream, found: StreamConfig) {
  const all = differencesOf(wanted, found);
  const unbearable = all.filter((one) => !isBearable(one, broker));
  if (unbearable.length > 0)
    throw new TopologyError(
      `stream ${wanted.name} can't be used as it is: ${unbearable.map(wordsOf).join("; ")}. ` +
        "What would change it, and what would be lost: npm run streams -- plan",
    );
  return all;
}

/** Throws a TopologyError where the server made something else of it. */
export function refuseDifference(
  what: string,
  wanted: object,
  made: object,
): void {
  const fields = differences(wanted, made).map(({ field }) => field);
  if (fields.length === 0) return;
  throw new TopologyError(
    `${what}: the server did not take ${fields.join(", ")}`,
  );
}

const namesWithinMs = 5_000;

export interface WorkQueueInfo {
  queue: Queue;
  /** So many deliveries may be unacknowledged; less than 1: any number. */
  maxAckPending: number;
  /** Requests that were never delivered. */
  pending: number;
  /** Deliveries that nobody acknowledged yet. */
  ackPending: number;
  /** The latest sequence that was delivered: what the consumer passed over, or holds unacknowledged, stands before it. */
  deliveredSeq: number;
  /** How many deliveries it made, with those that came again. */
  deliveries: number;
}

const infoOf = (queue: Queue, info: ConsumerInfo): WorkQueueInfo => ({
  queue,
  maxAckPending: info.config.max_ack_pending ?? -1,
  pending: info.num_pending,
  ackPending: info.num_ack_pending,
  deliveredSeq: info.delivered.stream_seq,
  deliveries: info.delivered.consumer_seq,
});

export interface WorkQueueOptions {
  ackWaitMs: number;
  /** Where the consumer begins, for one that was deleted; by default at the log's start. */
  fromSeq?: number | undefined;
  /** Of a group: so many of its tasks run at once; by default as its newest request in the log says. */
  concurrency?: number | undefined;
}

/**
 * Makes a queue's durable consumer if it is missing; one that is there stays as it is, since adding it again with
 * other settings changes it silently on 2.9. A task that runs is an unacknowledged delivery, so by their number the
 * broker holds a group to its concurrency. False: another one was first, with its own settings.
 */
export async function ensureWorkQueue(
  broker: Broker,
  queue: Queue,
  { ackWaitMs, fromSeq, concurrency }: WorkQueueOptions,
): Promise<boolean> {
  const { jsm, streams } = broker;
  const name = broker.workConsumerName(queue);
  const found = () => orMissing(jsm.consumers.info(streams.events, name));
  if (await found()) return false;
  const wanted: Partial<ConsumerConfig> = {
    durable_name: name,
    filter_subject: broker.subjects.event("requested", queue),
    deliver_policy: DeliverPolicy.All,
    ack_policy: AckPolicy.Explicit,
    ack_wait: nanos(ackWaitMs),
    max_deliver: -1,
    max_ack_pending:
      queue.group === undefined
        ? -1
        : (concurrency ?? (await newestRequest(broker, queue)).concurrency),
    ...(fromSeq !== undefined && {
      deliver_policy: DeliverPolicy.StartSequence,
      opt_start_seq: Math.max(1, fromSeq),
    }),
  };
  const made = await jsm.consumers
    .add(streams.events, wanted)
    .catch(async (error: unknown) => {
      const raced = await found();
      if (raced === undefined) throw error;
      return undefined;
    });
  if (made === undefined) return false;
  refuseDifference(`consumer ${name}`, wanted, made.config);
  return true;
}

/** Changes how many tasks of a group may run at once; those that run go on. Rejects where the broker has no such consumer. */
export async function setConcurrency(
  { jsm, streams, workConsumerName }: Broker,
  queue: Queue,
  concurrency: number,
): Promise<void> {
  const name = workConsumerName(queue);
  const changes = { max_ack_pending: concurrency };
  const { config } = await jsm.consumers.update(streams.events, name, changes);
  refuseDifference(`consumer ${name}`, changes, config);
}

export async function remakeWorkQueue(
  broker: Broker,
  queue: Queue,
  options: WorkQueueOptions,
): Promise<void> {
  await removeWorkQueue(broker, queue);
  await ensureWorkQueue(broker, queue, options);
}

/** Removes a queue's consumer, with all that it knows of what was acknowledged. */
export async function removeWorkQueue(
  { jsm, streams, workConsumerName }: Broker,
  queue: Queue,
): Promise<void> {
  const name = workConsumerName(queue);
  await orMissing(jsm.consumers.delete(streams.events, name));
}

/** All queues that have a consumer. Costs the server much less than `listWorkQueues`, which also says what they hold. */
export async function workQueueNames(broker: Broker): Promise<Queue[]> {
  const names = await consumerNames(broker);
  return names.flatMap((name) => broker.parseWorkConsumerName(name) ?? []);
}

/** All consumers on EVENTS, also those that are no work queues. */
export async function consumerNames({
  nc,
  streams,
}: Broker): Promise<string[]> {
  const names: string[] = [];
  for (let total = 1; names.length < total;) {
    const reply = await nc.request(
      `$JS.API.CONSUMER.NAMES.${streams.events}`,
      JSON.stringify({ offset: names.length }),
      { timeout: namesWithinMs },
    );
    // A page has 1,024 names.
    const page = reply.json<{
      total: number;
      consumers?: string[];
      error?: { description?: string };
    }>();
    const { consumers = [], error } = page;
    if (error !== undefined)
      throw new Error(`the consumers can't be listed: ${error.description}`);
    names.push(...consumers);
    total = consumers.length === 0 ? 0 : page.total;
  }
  return names;
}

/** How many consumers more the broker makes on EVENTS. */
export async function roomForConsumers({ jsm, streams }: Broker): Promise<{
  left: number;
  most: number;
}> {
  const { config, state } = await jsm.streams.info(streams.events);
  const most = config.max_consumers > 0 ? config.max_consumers : Infinity;
  return { left: most - state.consumer_count, most };
}

/**
 * Whether the log has a request of the queue that its consumer never delivered, by the sequences of both: a consumer's
 * own count of what waits is too high on nats-server 2.9 once such requests were purged.
 */
export async function hasUndelivered(
  broker: Broker,
  queue: Queue,
): Promise<boolean> {
  const info = await workQueueInfo(broker, queue);
  if (info === undefined || isFull(info)) return false;
  const subject = broker.subjects.event("requested", queue);
  const last = await lastMessageOf(broker, broker.streams.events, subject);
  return (last?.seq ?? 0) > info.deliveredSeq;
}

/** As many tasks of the group run as may. */
const isFull = ({ ackPending, maxAckPending }: WorkQueueInfo): boolean =>
  maxAckPending > 0 && ackPending >= maxAckPending;

/** All work queues that have a consumer; with `model` (a slug) only that one's. */
export async function listWorkQueues(
  { jsm, streams, parseWorkConsumerName }: Broker,
  model?: string,
): Promise<WorkQueueInfo[]> {
  const found: WorkQueueInfo[] = [];
  for await (const info of jsm.consumers.list(streams.events)) {
    const queue = parseWorkConsumerName(info.name);
    if (queue !== undefined && (model === undefined || queue.model === model))
      found.push(infoOf(queue, info));
  }
  return found;
}

/** One work queue; undefined where it has no consumer. */
export async function workQueueInfo(
  { jsm, streams, workConsumerName }: Broker,
  queue: Queue,
): Promise<WorkQueueInfo | undefined> {
  const info = await orMissing(
    jsm.consumers.info(streams.events, workConsumerName(queue)),
  );
  return info && infoOf(queue, info);
}
