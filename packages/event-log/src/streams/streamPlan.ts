/**
 * What an operator changes on the streams: first the plan, which says what each change costs, then the change. Services
 * never do this; they make what is missing, and compare.
 */
import { eventTypes, parseEventSubject } from "@jetscribe/schema";
import type { Broker } from "../broker/connection.ts";
import { limitOf } from "./logLimit.ts";
import { scan } from "../read/readLog.ts";
import { isFrom210 } from "../broker/serverVersion.ts";
import {
  differencesOf,
  type StreamDifference,
  type WantedStream,
} from "./streamDifferences.ts";
import {
  orMissing,
  streamState,
  type StreamState,
} from "../broker/streamState.ts";
import {
  orTopologyError,
  refuseDifference,
  refuseUnusable,
  TopologyError,
  wantedStreams,
  type TopologySettings,
} from "./topology.ts";

export interface StreamPlan {
  stream: string;
  missing: boolean;
  changes: StreamDifference[];
  /** What this server can't change: it stays as it is. */
  kept: StreamDifference[];
  /** What would be lost, in words. */
  losses: string[];
  /** Why it can't be done, in words. */
  refusals: string[];
}

/**
 * Compares the streams with the settings; changes nothing. Rejects where the broker can't be asked, with a TopologyError
 * where the server is too old or a stream of another application is in the way.
 */
export async function planStreams(
  broker: Broker,
  settings: TopologySettings,
): Promise<StreamPlan[]> {
  const all = wantedStreams(settings, broker);
  await refuseUnusable(broker, all);
  const plans: StreamPlan[] = [];
  for (const wanted of all) plans.push(await planStream(broker, wanted));
  return plans;
}

/** Why one stream is not as the settings say. */
export interface StreamRefusal {
  stream: string;
  /** It could not be made; otherwise it stays as it was. */
  missing: boolean;
  /** In words, with the stream's name. */
  why: string;
}

/** What `applyStreams` could not do; everything else is done. */
export class StreamsRefusedError extends TopologyError {
  readonly refusals: readonly StreamRefusal[];

  constructor(refusals: readonly StreamRefusal[]) {
    super(refusals.map(({ why }) => why).join("\n"));
    this.refusals = refusals;
  }
}

/**
 * Makes the streams that are missing, then changes those that stand otherwise than the settings say. What the plan or the
 * server refuses for one stream holds no other one up. Rejects with a StreamsRefusedError where something was refused; as
 * `planStreams` where nothing could be begun.
 */
export async function applyStreams(
  broker: Broker,
  settings: TopologySettings,
): Promise<StreamPlan[]> {
  const plans = await planStreams(broker, settings);
  const all = wantedStreams(settings, broker).map((wanted, i) => ({
    ...{ wanted, plan: plans[i] },
  }));
  const { missing = [], there = [] } = Object.groupBy(all, ({ plan }) =>
    plan?.missing ? "missing" : "there",
  );
  const refusals: StreamRefusal[] = [];
  for (const { wanted, plan } of [...missing, ...there]) {
    if (plan === undefined) continue;
    const why = await applyUnlessRefused(broker, wanted, plan);
    const { stream, missing } = plan;
    if (why !== undefined) refusals.push({ stream, missing, why });
  }
  if (refusals.length > 0) throw new StreamsRefusedError(refusals);
  return plans;
}

/** Why it was refused; undefined where the stream is as it should be now. */
async function applyUnlessRefused(
  broker: Broker,
  wanted: WantedStream,
  plan: StreamPlan,
): Promise<string | undefined> {
  const { stream, refusals } = plan;
  if (refusals.length > 0) return `stream ${stream}: ${refusals.join("; ")}`;
  try {
    await orTopologyError(wanted, applyStream(broker, wanted, plan));
    return undefined;
  } catch (error) {
    if (error instanceof TopologyError) return error.message;
    throw error;
  }
}

async function planStream(
  broker: Broker,
  wanted: WantedStream,
): Promise<StreamPlan> {
  const { name: stream } = wanted;
  const found = await orMissing(broker.jsm.streams.info(stream));
  const plan: StreamPlan = {
    stream,
    missing: found === undefined,
    changes: [],
    kept: [],
    losses: [],
    refusals: [],
  };
  if (found === undefined) return plan;
  for (const difference of differencesOf(wanted, found.config))
    if (difference.field === "republish" && !isFrom210(broker.serverVersion))
      plan.kept.push(difference);
    else plan.changes.push(difference);
  const state = await streamState(broker, stream);
  for (const change of plan.changes)
    if (change.field === "max_bytes")
      await weighSize(broker, change, state, plan);
    else weigh(change, plan);
  return plan;
}

function weigh(
  { stream, field, wanted, found }: StreamDifference,
  { losses, refusals }: StreamPlan,
): void {
  if (field === "storage" || field === "retention")
    refusals.push(`no server changes ${field} of a stream that is there`);
  if (field === "num_replicas" && Number(wanted) < Number(found))
    losses.push(`${Number(found) - Number(wanted)} of ${String(found)} copies`);
  const [to, from] = [Number(wanted), Number(found)];
  if (field === "max_age" && to > 0 && (from === 0 || to < from))
    losses.push(`what ${stream} has that is older than ${ageOf(to)}`);
}

const ageOf = (ns: number) => `${Math.round(ns / 1e9)} s`;

/** TOKENS and LOGS drop their oldest at once; of EVENTS the results service drops finished history, and nothing else. */
async function weighSize(
  broker: Broker,
  { stream, wanted }: StreamDifference,
  state: StreamState,
  { losses, refusals }: StreamPlan,
): Promise<void> {
  const to = Number(wanted);
  if (stream !== broker.streams.events) {
    if (state.bytes > to)
      losses.push(`the oldest ${state.bytes - to} bytes of ${stream}`);
    return;
  }
  const limit = limitOf(to);
  if (state.bytes <= limit) return;
  const { tasks, bytes } = await unfinished(broker, state);
  if (bytes > limit)
    refusals.push(
      `${tasks} unfinished requests need the last ${bytes} bytes of it, more than the new limit of ${limit}: let them finish or cancel them first`,
    );
  else
    losses.push(
      `finished history: the log has ${state.bytes} bytes, the new limit is ${limit}; ${tasks} unfinished requests stay`,
    );
}

/** How many requests have no outcome, and the bytes from the oldest of them on. Reads the whole log. */
async function unfinished(
  broker: Broker,
  { firstSeq, leader }: StreamState,
): Promise<{ tasks: number; bytes: number }> {
  /** By task id: the bytes that stand before the request. */
  const open = new Map<string, number>();
  let before = 0;
  const reading = { stream: broker.streams.events, from: { seq: firstSeq } };
  await scan(broker, { ...reading, node: leader?.node }, (message) => {
    const { type } = parseEventSubject(message.subject) ?? {};
    const id = message.header("ce-subject");
    if (type === "GenerateRequested") open.set(id, before);
    else if (type !== undefined && eventTypes[type].outcome) open.delete(id);
    before += message.storedBytes;
    return false;
  });
  const [oldest = before] = open.values();
  return { tasks: open.size, bytes: before - oldest };
}

async function applyStream(
  { jsm }: Broker,
  wanted: WantedStream,
  { missing, changes, kept }: StreamPlan,
): Promise<void> {
  if (!missing && changes.length === 0) return;
  const { name } = wanted;
  const next: WantedStream = { ...wanted };
  for (const { field, found } of kept) Object.assign(next, { [field]: found });
  if (!missing) {
    const { config } = await jsm.streams.info(name);
    next.max_consumers = config.max_consumers;
  }
  const { config } = await (missing
    ? jsm.streams.add(next)
    : jsm.streams.update(name, next));
  refuseDifference(`stream ${name}`, next, config);
}
