/** A page that follows `GET /feed`, as a browser's would: it folds what comes. */
import {
  newestRows,
  takeTasksFrame,
  withDelta,
  withEvents,
  type FeedEvent,
  type ListedTask,
  type LogEvents,
  type LogSnapshot,
  type NowDelta,
  type NowSnapshot,
  type TaskEvents,
  type TaskRows,
  type TasksDelta,
  type TasksEvents,
  type TasksSnapshot,
  type TaskSnapshot,
  type TaskStatus,
} from "@jetscribe/schema";
import { eventually } from "@jetscribe/testing";
import { EventSourceParserStream } from "eventsource-parser/stream";

export interface FeedFrame {
  event: string;
  id: string;
  data: { seq: number; view?: string };
  /** When it came, in ms. */
  at: number;
}

export interface Page {
  status: number;
  frames: FeedFrame[];
  /** All that came, as it came. */
  text: () => string;
  /** Of the view `tasks`, the newest first. */
  tasks: () => ListedTask[];
  task: () => TaskSnapshot | undefined;
  now: () => NowSnapshot | undefined;
  /** Of the view `log`, the newest first. */
  events: () => FeedEvent[];
  /** Reads nothing until `resume`. */
  pause: () => void;
  resume: () => void;
  /** Resolves when the stream has ended. */
  ended: Promise<void>;
  close: () => void;
}

/** `query`: as in the address. Where the gateway can't show it yet, it is asked again. */
export async function openPage(
  { url, key }: { url: string; key: string },
  query: string,
  { lastEventId }: { lastEventId?: string } = {},
): Promise<Page> {
  const stop = new AbortController();
  const headers = {
    authorization: `Bearer ${key}`,
    ...(lastEventId !== undefined && { "last-event-id": lastEventId }),
  };
  const response = await eventually(async () => {
    const { signal } = stop;
    const answer = await fetch(`${url}/feed?${query}`, { headers, signal });
    if (answer.status !== 503) return answer;
    return void (await answer.body?.cancel());
  });
  const frames: FeedFrame[] = [];
  const parts: string[] = [];
  const { searchParams } = new URL(`http://any/?${query}`);
  const filter = {
    status: searchParams.get("status")?.split(",") as TaskStatus[] | undefined,
    error: searchParams.get("error") ?? undefined,
  };
  const limit = Number(searchParams.get("limit") ?? 20);
  const rows: TaskRows = new Map();
  let task: TaskSnapshot | undefined;
  let now: NowSnapshot | undefined;
  let log: FeedEvent[] | undefined;
  let paused = Promise.withResolvers<void>();
  paused.resolve();

  function take({ event, data }: FeedFrame): void {
    const { view } = data;
    if (event === "snapshot" && view === "tasks") {
      rows.clear();
      for (const one of (data as TasksSnapshot).tasks)
        rows.set(one.task_id, one);
    } else if (event === "snapshot" && view === "task")
      task = data as TaskSnapshot;
    else if (event === "snapshot" && view === "log")
      log = (data as LogSnapshot).events;
    else if (event === "snapshot") now = data as NowSnapshot;
    else if (task) task = withEvents(task, data as TaskEvents);
    else if (log) log = [...(data as LogEvents).events.toReversed(), ...log];
    else if (now) now = withDelta(now, data as NowDelta);
    else
      takeTasksFrame(rows, data as TasksEvents | TasksDelta, { filter, limit });
  }

  async function read(): Promise<void> {
    if (response.status !== 200) return void (await response.text());
    const texts = response
      .body!.pipeThrough(new TextDecoderStream())
      .pipeThrough(
        new TransformStream<string, string>({
          async transform(part, controller) {
            await paused.promise;
            parts.push(part);
            controller.enqueue(part);
          },
        }),
      )
      .pipeThrough(new EventSourceParserStream());
    for await (const { event = "", id = "", data } of texts) {
      const frame = {
        ...{ event, id, at: performance.now() },
        data: JSON.parse(data) as FeedFrame["data"],
      };
      frames.push(frame);
      take(frame);
    }
  }

  return {
    ...{ status: response.status, frames, text: () => parts.join("") },
    tasks: () => newestRows(rows, limit),
    task: () => task,
    now: () => now,
    events: () => log ?? [],
    pause: () => void (paused = Promise.withResolvers()),
    resume: () => paused.resolve(),
    ended: read().catch(() => undefined),
    close: () => stop.abort(),
  };
}
