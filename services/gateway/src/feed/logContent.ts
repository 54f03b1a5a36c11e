/** The view `log`: the newest events that match, read from the log, and further ones as the live feed tells them. */
import type {
  FeedEvent,
  FeedQuery,
  LogEvents,
  LogSnapshot,
} from "@jetscribe/schema";
import type { ApiKey } from "../keys/apiKeys.ts";
import { ownersOf } from "../list/listTasks.ts";
import { isMeantBy } from "./matches.ts";
import type { TellEvent } from "./tellEvent.ts";
import type { Content } from "./view.ts";

/** The newest events that match, the newest first, of a log that ends with `last_seq`. Rejects with an ApiError. */
export type ReadNewest = (
  filter: Pick<FeedQuery, "type" | "model" | "lane" | "owner">,
  limit: number,
  key: ApiKey,
) => Promise<{ events: FeedEvent[]; last_seq: number }>;

export function logContent(
  readNewest: ReadNewest,
  tellEvent: TellEvent,
  { limit = 20, view: _, task_id: _1, ...filter }: FeedQuery,
  key: ApiKey,
): Content {
  const owner = ownersOf(filter, key);
  const isMeant = isMeantBy(filter, owner);
  const types = filter.type && new Set(filter.type);
  let seq = 0;
  /** The oldest first; so many at least are kept, and twice as many at most. */
  let newest: FeedEvent[] = [];
  /** Those that were not told yet. */
  let news = { events: [] as FeedEvent[], skipped: 0 };

  function tell(event: FeedEvent): void {
    newest.push(event);
    news.events.push(event);
    if (newest.length > 2 * limit) newest = newest.slice(-limit);
    const over = news.events.length - maxNews;
    if (over <= 0) return;
    news.events.splice(0, over);
    news.skipped += over;
  }

  return {
    async read() {
      const { events, last_seq } = await readNewest(filter, limit, key);
      newest = events.reverse();
      news = { events: [], skipped: 0 };
      seq = last_seq;
      return seq;
    },
    take(event) {
      if (!isMeant(event) || types?.has(event.type) === false) return false;
      seq = event.seq;
      tell(tellEvent(event, owner === undefined));
      return true;
    },
    snapshot() {
      const events = newest.slice(-limit).reverse();
      const data: LogSnapshot = { view: "log", seq, events };
      return { event: "snapshot", data };
    },
    news(busy) {
      const { events, skipped } = news;
      news = { events: [], skipped: 0 };
      const shown = busy ? events.slice(-limit) : events;
      const left = skipped + events.length - shown.length;
      const data: LogEvents = {
        ...{ seq, events: shown },
        ...(left > 0 && { skipped: left }),
      };
      return Promise.resolve({ event: busy ? "delta" : "events", data });
    },
  };
}

/** A page that follows events one by one gets no more of them in a frame. */
const maxNews = 1_000;
