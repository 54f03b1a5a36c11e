/**
 * The event stream of pages. What several pages show alike is kept and told once; the live feed is listened to while any
 * page is open, and nothing is kept or computed otherwise.
 */
import type { Broker } from "@jetscribe/event-log/broker/connection";
import { orAborted } from "@jetscribe/event-log/broker/orAborted";
import { hearAllStored } from "@jetscribe/event-log/signals/hearAllStored";
import { subscribed } from "@jetscribe/event-log/signals/signals";
import type { FeedQuery } from "@jetscribe/schema";
import { makeTurns } from "../accept/turns.ts";
import { unavailable } from "../apiError.ts";
import { seesAllOwners, type ApiKey } from "../keys/apiKeys.ts";
import type { Lists } from "../list/listTasks.ts";
import { logContent, type ReadNewest } from "./logContent.ts";
import { nowContent, type NowDeps } from "./nowContent.ts";
import type { Connection, Reader } from "./readers.ts";
import { taskContent, type TaskDeps } from "./taskContent.ts";
import { tasksContent } from "./tasksContent.ts";
import { makeTellEvent } from "./tellEvent.ts";
import { openView, type Content, type View } from "./view.ts";

interface FeedDeps extends Omit<TaskDeps, "histories">, NowDeps {
  broker: Broker;
  lists: Pick<Lists, "listTasks" | "readListed">;
  readNewest: ReadNewest;
}

/** An owner's pages show so many views, and there are so many pages. */
const maxViews = 32;
const maxPages = 200;
/** So many histories are read at once, for all pages together. */
const historiesAtOnce = 4;
const listenWithinMs = 3_000;

export type Feed = ReturnType<typeof makeFeed>;

export function makeFeed(deps: FeedDeps) {
  const { broker, lists, models } = deps;
  const ofTask = { ...deps, histories: makeTurns(historiesAtOnce) };
  const tellEvent = makeTellEvent(models.nameOf);
  const views = new Map<string, { view: View; owner: string; pages: number }>();
  let hearing: Disposable | undefined;

  function contentOf(query: FeedQuery, key: ApiKey): Content {
    switch (query.view) {
      case "task":
        return taskContent(ofTask, query, key);
      case "tasks":
        return tasksContent(lists, tellEvent, query, key);
      case "log":
        return logContent(deps.readNewest, tellEvent, query, key);
      case "now":
        return nowContent(deps, key);
    }
  }

  function listen(): void {
    hearing ??= hearAllStored(
      broker,
      (event) => {
        for (const { view } of views.values()) view.hear(event);
      },
      () => {
        for (const { view } of views.values()) view.missed();
      },
    );
  }

  /** Resolves once the live feed is heard. Rejects with an ApiError where the broker is away, or does not answer. */
  async function listening(): Promise<void> {
    const signal = AbortSignal.timeout(listenWithinMs);
    await orAborted(subscribed(broker), signal).catch((cause: unknown) => {
      throw unavailable("the live feed can't be listened to", cause);
    });
  }

  /** Throws an ApiError where the owner has too many. */
  function enter(name: string, query: FeedQuery, key: ApiKey) {
    const { owner } = key;
    const own = [...views.values()].filter((open) => open.owner === owner);
    const pages = own.reduce((sum, { pages }) => sum + pages, 0);
    if (pages >= maxPages) throw unavailable("too many pages are open");
    const found = views.get(name);
    if (found === undefined && own.length >= maxViews)
      throw unavailable("the open pages show too many different views");
    // Before it is read, or events between would be missed.
    listen();
    const entered = found ?? {
      ...{ owner, pages: 0 },
      view: openView(contentOf(query, key), listening),
    };
    views.set(name, entered);
    entered.pages++;
    return entered;
  }

  function leave(name: string): void {
    const left = views.get(name);
    if (left === undefined || --left.pages > 0) return;
    left.view[Symbol.dispose]();
    views.delete(name);
    if (views.size > 0) return;
    hearing?.[Symbol.dispose]();
    hearing = undefined;
  }

  /**
   * Tells a connection what the query names, from now on until it is disposed of. Rejects with an ApiError where it can't
   * be read, or where the key may not.
   */
  async function open(
    query: FeedQuery,
    key: ApiKey,
    connect: () => Connection,
    lastEventId: string | undefined,
  ): Promise<Reader> {
    const name = JSON.stringify([key.owner, seesAllOwners(key), query]);
    const { view } = enter(name, query, key);
    try {
      await view.ready;
      // What no event tells is in no other gateway's frames.
      const from = query.view === "now" ? undefined : lastEventId;
      const reader = view.readers.add(connect(), from);
      return {
        ...reader,
        [Symbol.dispose]() {
          reader[Symbol.dispose]();
          leave(name);
        },
      };
    } catch (error) {
      leave(name);
      throw error;
    }
  }

  return { open };
}
