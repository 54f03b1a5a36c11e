/** What WEBHOOKS still takes. What waits goes before what is only kept for its owner to see: dead webhooks, disabled addresses. */
import type { Broker } from "@jetscribe/event-log/broker/connection";
import { streamState } from "@jetscribe/event-log/broker/streamState";
import {
  countByState,
  countRecords,
} from "@jetscribe/event-log/webhooks/deliveries";
import type { Logger } from "@jetscribe/runtime";

/** Of one owner's records: so many that wait, and as many that are kept. */
const mostOfOwner = 10_000;

/** Up to these shares of the stream. What is left is for records that replace their own. */
const keptShare = 3 / 4;
const waitingShare = 15 / 16;

/** How long an answer of the broker is believed. */
const believedForMs = 2_000;
/** Of one for which every record was read. */
const readBelievedForMs = 30_000;
const readWithinMs = 10_000;
const refusedForMs = 10_000;
const mostCounted = 10_000;

interface Counted {
  waiting: number;
  kept: number;
  /** Otherwise each number is that of all. */
  isExact: boolean;
  /** By `performance.now()`. */
  until: number;
}

export type Room = ReturnType<typeof makeRoom>;

/** Owners are slugs. Functions reject where the broker can't be asked. */
export function makeRoom(
  broker: Broker,
  log: Pick<Logger, "warn">,
  most = mostOfOwner,
) {
  const owners = new Map<string, Counted>();
  let used: { share: number; until: number } | undefined;
  let refusedUntil = 0;

  async function usedShare(): Promise<number> {
    const now = performance.now();
    if (now < refusedUntil) return 1;
    if (used !== undefined && now < used.until) return used.share;
    const { webhooks } = broker.streams;
    const { bytes, maxBytes } = await streamState(broker, webhooks);
    used = { share: bytes / maxBytes, until: now + believedForMs };
    return used.share;
  }

  async function countOf(owner: string): Promise<Counted> {
    const now = performance.now();
    const known = owners.get(owner);
    const isEnough =
      known?.isExact || Math.max(known?.waiting ?? 0, known?.kept ?? 0) < most;
    if (known !== undefined && now < known.until && isEnough) return known;
    if (owners.size >= mostCounted) owners.clear();
    const records = await countRecords(broker, owner);
    // Most owners have few: then it does not matter which they are.
    const counted =
      records < most
        ? {
            ...{ waiting: records, kept: records, isExact: false },
            until: now + believedForMs,
          }
        : await readOf(owner, now);
    owners.set(owner, counted);
    return counted;
  }
  async function readOf(owner: string, now: number): Promise<Counted> {
    const signal = AbortSignal.timeout(readWithinMs);
    const counts = await countByState(broker, owner, signal);
    if (Math.max(counts.waiting, counts.kept) >= most)
      log.warn(
        { owner, limit: most, ...counts },
        "an owner has as many webhooks that wait or were given up as may be",
      );
    return { ...counts, isExact: true, until: now + readBelievedForMs };
  }

  return {
    /** Whether a webhook that has no record yet may get one, to wait in. */
    forWaiting: async (owner: string): Promise<boolean> =>
      (await usedShare()) < waitingShare &&
      (await countOf(owner)).waiting < most,
    /** Whether a record may be kept that nothing waits for. */
    forKept: async (owner: string): Promise<boolean> =>
      (await usedShare()) < keptShare && (await countOf(owner)).kept < most,
    /** A record was stored. */
    stored(owner: string, kind: "waiting" | "kept"): void {
      const known = owners.get(owner);
      if (known !== undefined) known[kind]++;
    },
    /** The broker had no room for a record. */
    refused: () => void (refusedUntil = performance.now() + refusedForMs),
    /** Whether nothing new may wait. */
    isFull: async (): Promise<boolean> => (await usedShare()) >= waitingShare,
  };
}
