/** Keys are made, changed and revoked as events in KEYS, which every gateway follows. Decision 0031. */
import {
  AppendError,
  isWrongLastSequence,
} from "@jetscribe/event-log/append/append";
import type { BrokerClock } from "@jetscribe/event-log/broker/brokerClock";
import type { Broker } from "@jetscribe/event-log/broker/connection";
import { streamState } from "@jetscribe/event-log/broker/streamState";
import {
  appendKeyEvent,
  keysAt,
  type KeyRecords,
} from "@jetscribe/event-log/keys/keyLog";
import {
  evolveKey,
  type ChangeKeyRequest,
  type CreatedKeyResponse,
  type CreateKeyRequest,
  type KeyEvent,
  type KeyRecord,
  type KeyResponse,
} from "@jetscribe/schema";
import { randomUUID } from "node:crypto";
import { ApiError, unavailable } from "../apiError.ts";
import type { ApiKey } from "./apiKeys.ts";
import { changeKey, createKey, revokeKey, type Now } from "./decideKeys.ts";
import { madeKeyResponse, settingsKeyResponse } from "./keyResponses.ts";
import { leavesRoom } from "./keyRoom.ts";
import type { KeyUse } from "./keyUse.ts";
import { newKey } from "./newKey.ts";
import type { KeysWatched } from "./watchKeys.ts";

export type ManageKeys = ReturnType<typeof makeManageKeys>;

/** An administrator waits so long. */
const withinMs = 5_000;

/** All functions reject with an ApiError. `by`: the id of the key that asks. */
export function makeManageKeys(deps: {
  broker: Broker;
  clock: Pick<BrokerClock, "nowS">;
  watched: KeysWatched;
  use: Pick<KeyUse, "read">;
  fromSettings: readonly ApiKey[];
}) {
  const { broker, clock, watched, use, fromSettings } = deps;

  /**
   * Stores what is decided over the keys as the broker has them: it takes an event only if KEYS has had nothing else since
   * they were read. Of two administrators at once the second one decides anew.
   */
  async function store(
    keyId: string,
    by: string,
    decide: (now: Now) => KeyEvent | undefined,
  ): Promise<KeyRecord> {
    const signal = AbortSignal.timeout(withinMs);
    const reached = (seq: number) =>
      watched.reached(seq, signal).catch((cause: unknown) => {
        throw unavailable("the API keys can't be read in time", cause);
      });
    for (let seq = 0; ;) {
      const keys = await reached(seq);
      const nowS = clock.nowS();
      const record = keys.records.get(keyId);
      const event = decide({ records: keys.records, fromSettings, nowS, by });
      if (event === undefined && record !== undefined) return record;
      if (event === undefined) throw new Error("there is nothing to decide");
      await checkRoom(event, keys.records);
      const stored = await append(event, keys.seq, nowS);
      seq = stored ?? keys.seq + 1;
      if (stored === undefined) continue;
      const after = await watched.reached(seq, signal).catch(() => undefined);
      const now = { ...event, seq, time: nowS };
      const made = after?.records.get(keyId) ?? evolveKey(record, now);
      if (made === undefined) throw new Error("the event makes no key");
      return made;
    }
  }

  /** As of now: of what is stored meanwhile the append will tell. */
  async function checkRoom(
    event: KeyEvent,
    records: KeyRecords["records"],
  ): Promise<void> {
    const { keys } = broker.streams;
    const state = await streamState(broker, keys).catch((cause: unknown) => {
      throw unavailable("the room for API keys can't be looked at", cause);
    });
    if (leavesRoom(event, records, state)) return;
    throw unavailable(
      `the stream ${keys} is full: what is left of it is kept for revocations`,
    );
  }

  /** The event's sequence; undefined: somebody was faster. */
  async function append(event: KeyEvent, after: number, nowS: number) {
    const options = { after, id: randomUUID(), now: new Date(nowS * 1_000) };
    try {
      return await appendKeyEvent(broker, event, options);
    } catch (error) {
      if (isWrongLastSequence(error)) return undefined;
      if (error instanceof AppendError && error.code === "unknown")
        throw new ApiError(
          "maybe_accepted",
          "the broker did not say in time whether it stored the change: see GET /admin/keys",
          { retryAfterS: 2, cause: error },
        );
      throw unavailable("the broker did not take the change", error);
    }
  }

  const responseOf = (record: KeyRecord, usedAt?: number): KeyResponse =>
    madeKeyResponse(record, { nowS: clock.nowS(), usedAt });

  return {
    /** Every key that there ever was, the settings' first. */
    async list(): Promise<KeyResponse[]> {
      const { current } = watched;
      if (current === undefined) throw notRead();
      const usedAt = await use.read();
      return [
        ...fromSettings.map((key) =>
          settingsKeyResponse(key, usedAt.get(key.id)),
        ),
        ...current.records
          .values()
          .map((record) => responseOf(record, usedAt.get(record.id))),
      ];
    },
    /** Every key that had been made by a time (in seconds since the epoch), as it was then; those of the settings are no events. */
    async listAt(timeS: number): Promise<KeyResponse[]> {
      const signal = AbortSignal.timeout(withinMs);
      const records = await keysAt(broker, timeS, signal).catch(
        (cause: unknown) => {
          throw unavailable("the API keys can't be read in time", cause);
        },
      );
      return [...records.values()].map((record) =>
        madeKeyResponse(record, { nowS: timeS }),
      );
    },
    async create(
      request: CreateKeyRequest,
      by: string,
    ): Promise<CreatedKeyResponse> {
      const { key, ...made } = newKey();
      const record = await store(made.key_id, by, (now) =>
        createKey(request, made, now),
      );
      return { ...responseOf(record), key };
    },
    async change(
      id: string,
      request: ChangeKeyRequest,
      by: string,
    ): Promise<KeyResponse> {
      const decide = (now: Now) => changeKey(id, request, now);
      return responseOf(await store(id, by, decide));
    },
    async revoke(id: string, by: string): Promise<KeyResponse> {
      return responseOf(await store(id, by, (now) => revokeKey(id, now)));
    },
  };
}

export const notRead = (): ApiError =>
  unavailable("the API keys are not read yet");
