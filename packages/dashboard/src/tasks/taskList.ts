/** The tasks that a filter shows, the newest first: live at its top, and loaded page by page as somebody scrolls down. */
import type {
  ListedTask,
  TaskListResponse,
  TasksDelta,
  TasksEvents,
  TasksSnapshot,
} from "@jetscribe/schema";
import { evolveListed } from "@jetscribe/schema/evolve";
import { signal } from "@preact/signals";
import { messageOf } from "../api/call.ts";
import { followFeed, type FeedFrame } from "../api/followFeed.ts";
import type { Session } from "../api/session.ts";
import { hasOwnPart, matches, serverQuery, type Filter } from "./filter.ts";

const pageSize = 100;
/** One scroll looks through so many tasks at most for what only the page can look for. */
const mostLooked = 2_000;
/** After a gap so many rows at most are read anew. */
const mostReread = 2_000;
/** After so many new tasks the list is read anew: a page that stays open lets go of the old ones. */
const mostNew = 10_000;

export type TaskList = ReturnType<typeof makeTaskList>;

/** How far the list was read. */
interface Reach {
  cursor: string | undefined;
  /** How many tasks were looked through. */
  looked: number;
}

/** `at`: as they were at a moment of the log, and then nothing changes by itself; undefined: live. */
export function makeTaskList(session: Session, filter: Filter, at?: number) {
  const rows = signal<readonly ListedTask[]>([]);
  const loading = signal(true);
  const error = signal<string | undefined>(undefined);
  /** Whether older tasks are on the server. */
  const more = signal(true);
  const looked = signal(0);
  /** Enough tasks were looked through for what only the page can look for: a person says whether it goes on. */
  const paused = signal(false);
  const ending = new AbortController();
  let byId = new Map<string, ListedTask>();
  let reach: Reach = { cursor: undefined, looked: 0 };
  /** Nothing is loaded before the feed has told the newest. */
  let begun = false;
  /** Deltas tell of the newest rows only: those below may be old. */
  let stale = false;
  /** New tasks since the list was read. */
  let grown = 0;

  /** The newest first: the ids begin with their time. */
  function show(): void {
    rows.value = [...byId.values()].sort((a, b) =>
      a.task_id < b.task_id ? 1 : -1,
    );
    more.value = reach.cursor !== undefined;
    looked.value = reach.looked;
  }

  /** Reads a page behind `from` into `into`. */
  async function readPage(into: Map<string, ListedTask>, from: Reach) {
    const query = serverQuery(filter);
    query.set("limit", String(pageSize));
    if (from.cursor !== undefined) query.set("cursor", from.cursor);
    if (at !== undefined) query.set("at", String(at));
    const { signal } = ending;
    const path = `/tasks?${query}`;
    const page = await session.call<TaskListResponse>(path, { signal });
    const found = page.tasks.filter((task) => matches(task, filter));
    for (const task of found) into.set(task.task_id, task);
    const looked = from.looked + page.tasks.length;
    return { found: found.length, reach: { cursor: page.next_cursor, looked } };
  }

  async function load(work: () => Promise<void>): Promise<void> {
    if (loading.value) return;
    loading.value = true;
    error.value = undefined;
    try {
      await work();
    } catch (problem) {
      if (!ending.signal.aborted) error.value = messageOf(problem);
    }
    loading.value = false;
  }

  /**
   * Reads on: the next page that has a task, and of what only the page can look for up to a page of what matches. The
   * server's pages may be empty, and go on.
   */
  async function loadMore(): Promise<void> {
    if (!begun || !more.value) return;
    await load(async () => {
      const upTo = reach.looked + mostLooked;
      paused.value = false;
      const into = byId;
      for (let found = 0; found < pageSize && more.value;) {
        const page = await readPage(into, reach);
        if (into !== byId) return; // A snapshot has begun another list meanwhile.
        reach = page.reach;
        found += page.found;
        show();
        paused.value = reach.looked >= upTo && hasOwnPart(filter);
        if (reach.looked >= upTo) break;
        if (found > 0 && !hasOwnPart(filter)) break;
      }
    });
  }

  /** Takes a snapshot's rows, and reads on to where the list was read before. */
  async function takeSnapshot(snapshot: TasksSnapshot): Promise<void> {
    const { tasks, next_cursor: cursor } = snapshot;
    const found = tasks.filter((task) => matches(task, filter));
    const fresh = new Map(found.map((task) => [task.task_id, task]));
    const wanted = Math.min(byId.size, mostReread);
    begun = true;
    loading.value = false;
    await load(async () => {
      let to: Reach = { cursor, looked: tasks.length };
      const upTo = Math.max(reach.looked, mostReread);
      while (fresh.size < wanted && to.looked < upTo && to.cursor !== undefined)
        to = (await readPage(fresh, to)).reach;
      byId = fresh;
      reach = to;
      [stale, grown] = [false, 0];
      show();
    });
    const least = hasOwnPart(filter) ? pageSize : 1;
    if (byId.size < least) await loadMore();
  }

  function put(task: ListedTask): void {
    if (!matches(task, filter)) return void byId.delete(task.task_id);
    if (!byId.has(task.task_id)) grown++;
    byId.set(task.task_id, task);
  }

  function takeEvents({ events, tasks = [] }: TasksEvents): void {
    for (const event of events) {
      const before = byId.get(event.task_id);
      const task = evolveListed(before, event);
      if (task !== undefined && task !== before) put(task);
    }
    for (const task of tasks) put(task);
  }

  function takeDelta({ tasks, gone }: TasksDelta): void {
    for (const task of tasks) put(task);
    for (const id of gone) byId.delete(id);
    stale ||= byId.size > pageSize;
  }

  /** Frames are taken one after the other: reading a page takes its time. */
  let taking = Promise.resolve();
  async function take({ event, data }: FeedFrame): Promise<void> {
    if (event === "snapshot") return await takeSnapshot(data as TasksSnapshot);
    if (event === "delta") takeDelta(data as TasksDelta);
    if (event === "events") takeEvents(data as TasksEvents);
    const isQuiet = event === "events";
    if ((stale && isQuiet) || grown > mostNew) return await readAnew();
    show();
  }

  /** After deltas, since what was loaded below the newest rows may be old, and after many new tasks. */
  async function readAnew(): Promise<void> {
    // Tried once: where it fails, a person reads why and reads the list again.
    [stale, grown] = [false, 0];
    const tasks = new Map<string, ListedTask>();
    const { reach: to } = await readPage(tasks, { cursor: undefined, looked: 0 }); // prettier-ignore
    await takeSnapshot({
      ...{ view: "tasks", seq: 0, tasks: [...tasks.values()] },
      ...(to.cursor && { next_cursor: to.cursor }),
    });
  }

  function readPast(): void {
    begun = true;
    loading.value = false;
    void loadMore();
  }

  const query = serverQuery(filter);
  query.set("view", "tasks");
  query.set("limit", String(pageSize));
  const follow = () =>
    followFeed(session, query, {
      take(frame) {
        taking = taking
          .then(() => take(frame))
          .catch((problem: unknown) => {
            if (!ending.signal.aborted) error.value = messageOf(problem);
          });
      },
      refused({ message }) {
        loading.value = false;
        error.value = message;
      },
      signal: ending.signal,
    });
  if (at === undefined) void follow();
  else readPast();

  return {
    ...{ filter, at, rows, loading, error, more, looked, paused, loadMore },
    close: () => ending.abort(),
  };
}
