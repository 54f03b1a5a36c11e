/** A page of the log's events without their bodies: those right before a sequence, or right behind one. */
import type { Broker } from "../broker/connection.ts";
import type { StreamState } from "../broker/streamState.ts";
import { headedEvent, type StoredEvent } from "../codec/storedEvent.ts";
import { makeMatch, subjectsOf, type EventFilter } from "./eventFilter.ts";
import { scan } from "./readLog.ts";

/** Backwards it is looked through windows of sequences, each so many times as wide as the one before. */
const firstWindow = 256;
const wider = 8;
const widestWindow = 65_536;
/** For a page it is looked at so many windows, or messages: where few of them fit, the page is short. */
const mostWindows = 32;
const mostLooked = 100_000;

export interface LogPage {
  /** In the order in which they were asked for: the newest first of those before a sequence. */
  events: StoredEvent[];
  /** It was looked up to there; the next page begins behind it. Undefined: there is nothing more. */
  end?: number;
}

export interface PageWanted {
  filter: Omit<EventFilter, "user_id">;
  limit: number;
  /** Both are left out themselves. One of them is where the page begins, the other where it ends at the latest. */
  after: number;
  before: number;
  newestFirst: boolean;
}

/** Rejects where the log can't be read, or with the signal's reason. */
export async function readLogPage(
  broker: Broker,
  { firstSeq, leader }: Pick<StreamState, "firstSeq" | "leader">,
  { filter, limit, newestFirst, ...wanted }: PageWanted,
  signal: AbortSignal,
): Promise<LogPage> {
  const { events: stream } = broker.streams;
  const match = makeMatch(filter);
  const first = Math.max(wanted.after + 1, firstSeq);
  const last = wanted.before - 1;
  const reading = {
    ...{ stream, headersOnly: true, node: leader?.node },
    filter: subjectsOf(broker, filter),
  };
  let looked = 0;

  /** Calls `take` with the events of a range that fit, in order, until it says true. Resolves with how far it was read. */
  async function within(
    from: number,
    to: number,
    take: (event: StoredEvent) => boolean,
  ): Promise<number> {
    let end: number | undefined;
    await scan(
      broker,
      { ...reading, from: { seq: from } },
      (message) => {
        if (end !== undefined || message.seq > to) return true;
        looked++;
        const place = match(message);
        const event = place && headedEvent(message, place);
        if (event && take(event)) end = message.seq;
        return end !== undefined;
      },
      signal,
    );
    return end ?? to;
  }

  async function forwards(): Promise<LogPage> {
    const events: StoredEvent[] = [];
    const end = await within(first, last, (event) => {
      events.push(event);
      return events.length >= limit;
    });
    return { events, ...(end < last && { end }) };
  }

  /** The last ones of a range that fit, one more than the page has room for. */
  async function lastWithin(from: number, to: number, most: number) {
    let found: StoredEvent[] = [];
    await within(from, to, (event) => {
      found.push(event);
      if (found.length > 2 * most) found = found.slice(-most);
      return false;
    });
    return found.slice(-most).reverse();
  }

  async function backwards(): Promise<LogPage> {
    const events: StoredEvent[] = [];
    let [to, size] = [last, firstWindow];
    for (let window = 0; to >= first && events.length <= limit; window++) {
      if (window >= mostWindows || looked >= mostLooked) break;
      const from = Math.max(first, to - size + 1);
      const most = limit + 1 - events.length;
      events.push(...(await lastWithin(from, to, most)));
      to = from - 1;
      size = Math.min(widestWindow, wider * size);
    }
    const page = events.slice(0, limit);
    const end = events.length > limit ? (page.at(-1)?.seq ?? first) : to + 1;
    return { events: page, ...(end > first && { end }) };
  }

  if (first > last) return { events: [] };
  return newestFirst ? await backwards() : await forwards();
}
