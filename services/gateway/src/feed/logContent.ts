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
  /** As of what the readers were told. */
  let seq = 0;
  /** Of those that were told, the oldest first. */
  let newest: FeedEvent[] = [];
  let news = noNews();

  function tell(event: FeedEvent): void {
    news.events.push(event);
    const over = news.events.length - maxNews;
    if (over <= 0) return;
    news.events.splice(0, over);
    news.skipped += over;
  }

  return {
    async read() {
      const { events, last_seq } = await readNewest(filter, limit, key);
      newest = events.reverse();
      news = noNews();
      seq = last_seq;
      return seq;
    },
    take(event) {
      if (!isMeant(event) || types?.has(event.type) === false) return false;
      tell(tellEvent(event, owner === undefined));
      return true;
    },
    snapshot() {
      const events = newest.toReversed();
      const data: LogSnapshot = { view: "log", seq, events };
      return { event: "snapshot", data };
    },
    news(busy) {
      const { events, skipped } = news;
      news = noNews();
      newest = [...newest, ...events].slice(-limit);
      seq = events.at(-1)?.seq ?? seq;
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

/** What the readers were not told yet. */
const noNews = () => ({ events: [] as FeedEvent[], skipped: 0 });

/** A page that follows events one by one gets no more of them in a frame. */
const maxNews = 1_000;
