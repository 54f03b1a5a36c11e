/** The log, and the system as it was at a moment of it: decision 0046. */
import type { BrokerClock } from "@jetscribe/event-log/broker/brokerClock";
import type { Broker } from "@jetscribe/event-log/broker/connection";
import type { StreamState } from "@jetscribe/event-log/broker/streamState";
import { readLogPage } from "@jetscribe/event-log/read/logPage";
import { firstSeqSince } from "@jetscribe/event-log/read/readLog";
import {
  askDensity,
  askMoment,
  type MomentRow,
} from "@jetscribe/event-log/read/taskIndex";
import type { StoredEvent } from "@jetscribe/event-log/codec/storedEvent";
import {
  slugIfAny,
  taskIdTime,
  type DensityResponse,
  type LogQuery,
  type LogResponse,
  type MomentQuery,
  type MomentResponse,
  type NowRow,
} from "@jetscribe/schema";
import type { Models } from "../accept/models.ts";
import { unavailable } from "../apiError.ts";
import { makeFailures } from "../feed/failures.ts";
import { makeTellEvent } from "../feed/tellEvent.ts";
import { seesAllOwners, type ApiKey } from "../keys/apiKeys.ts";
import { answered } from "../list/askIndex.ts";
import { ownersOf, type Lists } from "../list/listTasks.ts";
import { checkMoment, readLogState } from "../list/checkMoment.ts";

export interface PastDeps {
  broker: Broker;
  models: Pick<Models, "nameOf">;
  lists: Pick<Lists, "listTasks">;
}

const readWithinMs = 5_000;

export type Past = ReturnType<typeof makePast>;

export function makePast({ broker, models, lists }: PastDeps) {
  const tellEvent = makeTellEvent(models.nameOf);

  /** Rejects with an ApiError. */
  const pageOf = (state: StreamState, wanted: Wanted) =>
    readLogPage(broker, state, wanted, AbortSignal.timeout(readWithinMs)).catch(
      (cause: unknown) => {
        throw unavailable("the log can't be read, or not in time", cause);
      },
    );

  /** Of a time: the last sequence stored at or before it. */
  async function seqOf({ seq, time }: MomentQuery, { lastSeq }: StreamState) {
    if (time === undefined) return seq ?? lastSeq;
    const { events } = broker.streams;
    const later = Math.floor(time * 1_000) + 1;
    const first = firstSeqSince(broker, events, later).catch(
      (cause: unknown) => {
        throw unavailable("the log can't be read", cause);
      },
    );
    return (await first) - 1;
  }

  async function eventOf(state: StreamState, seq: number) {
    const wanted = { filter: {}, limit: 1, newestFirst: true };
    const range = { after: seq - 1, before: seq + 1 };
    return (await pageOf(state, { ...wanted, ...range })).events[0];
  }

  async function failuresAt(
    seq: number,
    nowS: number,
    key: ApiKey,
    owner: string | undefined,
  ) {
    const listTasks: Lists["listTasks"] = (filter, key, page) =>
      lists.listTasks(filter, key, { ...page, at: seq });
    const clock: Pick<BrokerClock, "nowS"> = { nowS: () => nowS };
    const failures = makeFailures(
      { lists: { listTasks }, models, clock },
      key,
      owner,
    );
    await failures.read();
    return failures.all();
  }

  const rowOf = ({ oldest, model, ...row }: MomentRow): NowRow => {
    const ms = oldest === undefined ? undefined : taskIdTime(oldest);
    return {
      ...{ model: models.nameOf(model), ...row },
      ...(ms !== undefined && { oldest_at: ms / 1_000 }),
    };
  };

  /** Rejects with an ApiError, of a moment that the log does not have as `checkMoment`. */
  async function momentOf(
    query: MomentQuery,
    key: ApiKey,
  ): Promise<MomentResponse> {
    const seq = await seqOf(query, await readLogState(broker));
    const state = await checkMoment(broker, seq, "seq");
    /** Whose tasks are shown; undefined: everybody's. */
    const owner = seesAllOwners(key) ? undefined : key.owner;
    const asked = { at: seq, ...(owner !== undefined && { owner }) };
    const [event, rows] = await Promise.all([
      eventOf(state, seq),
      answered(() => askMoment(broker, state, asked)),
    ]);
    const failures = event ? await failuresAt(seq, event.time, key, owner) : [];
    return {
      ...{ seq, ...rangeOf(state) },
      ...(event && { time: event.time }),
      ...(event &&
        isSeen(event, owner) && {
          event: tellEvent(event, owner === undefined),
        }),
      rows: rows.map(rowOf),
      failures,
    };
  }

  /** Rejects with an ApiError. */
  async function densityOf(buckets: number): Promise<DensityResponse> {
    const state = await readLogState(broker);
    if (state.messages === 0)
      return { ...rangeOf(state), from: 0, bucket_s: 10, events: [] };
    const wanted = {
      ...{ from: state.firstTimeMs / 1_000, to: state.lastTimeMs / 1_000 },
      ...{ first_seq: state.firstSeq, buckets },
    };
    const density = await answered(() => askDensity(broker, state, wanted));
    return { ...rangeOf(state), ...density };
  }

  /** A page of the log, and where the next one begins. Rejects with an ApiError. */
  async function readLog(
    { type, model, lane, limit, before, after, ...filter }: LogQuery,
    key: ApiKey,
  ): Promise<Omit<LogResponse, "next"> & { end?: number }> {
    const owner = ownersOf(filter, key);
    const state = await readLogState(broker);
    const page = await pageOf(state, {
      filter: {
        ...(type && { types: type }),
        ...(model !== undefined && { model: slugIfAny(model) ?? "-" }),
        ...(lane && { lane }),
        ...(owner !== undefined && { owner: owner || "-" }),
      },
      ...{ limit, newestFirst: after === undefined, after: after ?? 0 },
      before: Math.min(before ?? Infinity, state.lastSeq + 1),
    });
    const withOwner = owner === undefined;
    const events = page.events.map((event) => tellEvent(event, withOwner));
    const { end } = page;
    return { ...rangeOf(state), events, ...(end !== undefined && { end }) };
  }

  return { momentOf, densityOf, readLog };
}

type Wanted = Parameters<typeof readLogPage>[2];

const rangeOf = ({ firstSeq, lastSeq }: StreamState) => ({
  first_seq: firstSeq,
  last_seq: lastSeq,
});

const isSeen = ({ queue }: StoredEvent, owner: string | undefined): boolean =>
  owner === undefined || queue.owner === owner;
