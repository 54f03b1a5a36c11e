/** Events of the log, the newest first: live at the top, and loaded page by page as somebody scrolls down. */
import type {
  FeedEvent,
  LogEvents,
  LogResponse,
  LogSnapshot,
} from "@jetscribe/schema";
import { signal } from "@preact/signals";
import { messageOf } from "../api/call.ts";
import { followFeed, type FeedFrame } from "../api/followFeed.ts";
import type { Session } from "../api/session.ts";

const pageSize = 100;
/** A page that stays open lets go of the oldest. */
const mostEvents = 20_000;

export type OpenLog = ReturnType<typeof openLog>;

/** `at`: up to that moment, and then no more come; undefined: live. */
export function openLog(
  session: Session,
  filter: URLSearchParams,
  at?: number,
) {
  const events = signal<readonly FeedEvent[]>([]);
  const loading = signal(true);
  const error = signal<string | undefined>(undefined);
  /** So many came too fast to be shown one by one; the list has a hole there. */
  const skipped = signal(0);
  /** There are older events, which the list does not load: it is full. */
  const isFull = signal(false);
  /** The path of the next page; undefined: there are no older events. */
  let next: string | undefined = pathBefore((at ?? Infinity) + 1);
  const ending = new AbortController();

  function pathBefore(seq: number): string {
    const query = new URLSearchParams(filter);
    query.set("limit", String(pageSize));
    if (Number.isFinite(seq)) query.set("before", String(seq));
    return `/log?${query}`;
  }

  async function loadMore(): Promise<void> {
    isFull.value = next !== undefined && events.value.length >= mostEvents;
    if (next === undefined || isFull.value || loading.value) return;
    loading.value = true;
    error.value = undefined;
    const path = next;
    try {
      const { signal } = ending;
      const page = await session.call<LogResponse>(path, { signal });
      // A snapshot has begun another list meanwhile.
      if (path !== next) return;
      next = page.next && page.next.slice(page.next.indexOf("/log?"));
      events.value = [...events.value, ...page.events];
    } catch (problem) {
      // A person reads why, and reads the log again.
      if (!ending.signal.aborted) error.value = messageOf(problem);
      return;
    } finally {
      loading.value = false;
    }
    if (events.value.length === 0) await loadMore();
  }

  function take({ event, data }: FeedFrame): void {
    error.value = undefined;
    if (event === "snapshot") {
      events.value = (data as LogSnapshot).events;
      skipped.value = 0;
      isFull.value = false;
      const oldest = events.value.at(-1);
      next = oldest && pathBefore(oldest.seq);
      loading.value = false;
    } else {
      const { events: more, skipped: left = 0 } = data as LogEvents;
      skipped.value += left;
      const last = events.value[0]?.seq ?? 0;
      const fresh = more.filter(({ seq }) => seq > last);
      const all = [...fresh.toReversed(), ...events.value];
      isFull.value ||= all.length > mostEvents;
      events.value = all.slice(0, mostEvents);
    }
  }

  if (at !== undefined) {
    loading.value = false;
    void loadMore();
  } else {
    const query = new URLSearchParams(filter);
    query.set("view", "log");
    query.set("limit", String(pageSize));
    void followFeed(session, query, {
      take,
      refused({ message }) {
        loading.value = false;
        error.value = message;
      },
      signal: ending.signal,
    });
  }
  return {
    events,
    loading,
    error,
    skipped,
    isFull,
    loadMore,
    close: () => ending.abort(),
  };
}
