/** The view `tasks`: the newest tasks that match a filter, read from the task index, and kept by the live feed. */
import { makeLatest } from "@jetscribe/event-log/read/latest";
import {
  evolveListed,
  kinds,
  newestRows,
  stateMatches,
  type FeedEvent,
  type FeedQuery,
  type ListedTask,
  type TaskRows,
  type TasksDelta,
  type TasksEvents,
  type TasksSnapshot,
} from "@jetscribe/schema";
import type { ApiKey } from "../keys/apiKeys.ts";
import {
  cursorBehind,
  isAbove,
  ownersOf,
  type Lists,
} from "../list/listTasks.ts";
import {
  isMeantBy,
  labelsMatch,
  statusAfter,
  wantedStatuses,
} from "./matches.ts";
import { noCounts, type TellEvent } from "./tellEvent.ts";
import type { Content } from "./view.ts";

/** Tasks of other statuses that are remembered: a further one is looked up when its status matches. */
const maxAside = 10_000;
/** So many tasks are looked up for a frame; with more, the page is read again. */
const maxLookUps = 100;

export function tasksContent(
  lists: Pick<Lists, "listTasks" | "readListed">,
  tellEvent: TellEvent,
  { limit = 20, view: _, task_id: _1, ...filter }: FeedQuery,
  key: ApiKey,
): Content {
  const owner = ownersOf(filter, key);
  const isMeant = isMeantBy(filter, owner);
  const wanted = wantedStatuses(filter);
  const { status: _2, ...anyStatus } = filter;

  let rows: TaskRows = new Map();
  /** Above it the rows are all that match, and below it there may be older ones; undefined: there are none. */
  let end: string | undefined;
  let seq = 0;
  /** Open tasks that match but for their status; null: it does not match by its labels. */
  let aside = makeLatest<string, ListedTask | null>(maxAside);
  /** Tasks that may match by now, whose request was before the page was read, and their events since. */
  let unknown = new Map<string, FeedEvent[]>();
  let news = noNews();

  function noNews() {
    return {
      ...{ events: [] as FeedEvent[], counts: noCounts() },
      ...{ changed: new Set<string>(), gone: new Set<string>() },
      /** Rows that a page can't make of the events. */
      entered: new Set<string>(),
    };
  }

  function put(task: ListedTask, before?: ListedTask): void {
    const { task_id } = task;
    if (!stateMatches(filter, task)) {
      rows.delete(task_id);
      news.changed.delete(task_id);
      if (before) news.gone.add(task_id);
      if (task.ended_at === undefined) aside.set(task_id, task);
      else aside.delete(task_id);
      return;
    }
    aside.delete(task_id);
    if (!isInReach(task_id)) return;
    rows.set(task_id, task);
    news.gone.delete(task_id);
    news.changed.add(task_id);
    if (before === undefined) news.entered.add(task_id);
    if (rows.size > 2 * limit) trim();
  }

  function trim(): void {
    const newest = newestRows(rows, limit);
    rows = new Map(newest.map((task) => [task.task_id, task]));
    end = endOf(newest);
  }

  const isInReach = (taskId: string): boolean =>
    end === undefined || isAbove(taskId, end);

  /** Whether a task that is not known may be among the rows after this event. */
  const mayEnter = ({ type, task_id }: FeedEvent): boolean =>
    wanted?.has(statusAfter[type]) === true && isInReach(task_id);

  function takeMeant(event: FeedEvent): void {
    const { task_id } = event;
    const isRequest = event.type === "GenerateRequested";
    if (isRequest && !labelsMatch(filter, event)) aside.set(task_id, null);
    const known = aside.get(task_id);
    if (known === null) return;
    news.events.push(event);
    const sinceUnknown = unknown.get(task_id);
    if (sinceUnknown) return void sinceUnknown.push(event);
    const before = rows.get(task_id);
    const task = evolveListed(before ?? known, event);
    if (task === undefined) {
      if (mayEnter(event)) unknown.set(task_id, []);
    } else if (task !== before) put(task, before);
  }

  /** False: it can't be done, or there are too many. */
  async function lookUp(): Promise<boolean> {
    const ids = [...unknown.keys()];
    if (ids.length === 0) return true;
    if (ids.length > maxLookUps) return false;
    const asked = unknown;
    const page = await lists
      .readListed(ids, anyStatus, key)
      .catch(() => undefined);
    // The page was read again meanwhile.
    if (asked !== unknown) return true;
    if (page === undefined || page.cursor !== undefined) return false;
    const found = new Map(page.tasks.map((task) => [task.task_id, task]));
    for (const id of ids) {
      const since = unknown.get(id) ?? [];
      unknown.delete(id);
      const task = since
        .filter((event) => event.seq > page.position)
        .reduce((task, event) => evolveListed(task, event), found.get(id));
      if (task === undefined) aside.set(id, null);
      else put(task);
    }
    return true;
  }

  function deltaOf({ changed, gone, counts }: typeof news): TasksDelta {
    const newest = newestRows(rows, limit);
    const tasks = newest.filter(({ task_id }) => changed.has(task_id));
    return { seq, tasks, gone: [...gone], counts };
  }

  function eventsOf({ events, entered }: typeof news): TasksEvents {
    const tasks = [...entered].flatMap((id) => rows.get(id) ?? []);
    return { seq, events, ...(tasks.length > 0 && { tasks }) };
  }

  return {
    async read() {
      const page = await lists.listTasks(filter, key, { limit });
      rows = new Map(page.tasks.map((task) => [task.task_id, task]));
      end = page.cursor;
      aside = makeLatest(maxAside);
      unknown = new Map();
      news = noNews();
      seq = page.position;
      return seq;
    },
    take(event) {
      if (!isMeant(event)) return false;
      seq = event.seq;
      news.counts[kinds[event.type].word]++;
      takeMeant(tellEvent(event, owner === undefined));
      return true;
    },
    snapshot() {
      const tasks = newestRows(rows, limit);
      const next = rows.size > limit ? endOf(tasks) : end;
      const data: TasksSnapshot = {
        ...{ view: "tasks", seq, tasks },
        ...(next !== undefined && { next_cursor: next }),
      };
      return { event: "snapshot", data };
    },
    async news(busy) {
      if (!(await lookUp())) return "anew";
      const isMore = end !== undefined;
      if (isMore && news.gone.size > 0 && rows.size < limit / 2) return "anew";
      const told = news;
      news = noNews();
      return busy
        ? { event: "delta", data: deltaOf(told) }
        : { event: "events", data: eventsOf(told) };
    },
  };
}

/** The cursor behind the last of these. */
function endOf(tasks: readonly ListedTask[]): string | undefined {
  const last = tasks.at(-1);
  return last && cursorBehind(last.task_id);
}
