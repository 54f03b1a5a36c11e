/** One reader of one task's stream: a few subscriptions and a look at what was before them; no consumer, no polling. */
import { orAborted, type Broker } from "@jetscribe/event-log/connection";
import { subscribed } from "@jetscribe/event-log/signals";
import { hearTokens, readTokens } from "@jetscribe/event-log/tokens";
import {
  evolve,
  isOpen,
  type RecordedEvent,
  type TaskState,
  type TokenChunk,
} from "@jetscribe/schema";
import type { Place } from "@jetscribe/task-store";
import type { DoneHeard } from "./doneHeard.ts";
import { makeInbox } from "./inbox.ts";
import type { WatchProgress } from "./progress.ts";
import type { Forecast } from "./forecast.ts";
import type { ReadTask } from "./readTask.ts";
import type { WatchPlace } from "./watchPlace.ts";
import { makeTextFeed, type StreamEvent } from "./textFeed.ts";

export interface StreamDeps {
  broker: Broker;
  done: Pick<DoneHeard, "of">;
  readTask: ReadTask;
  watchProgress: WatchProgress;
  watchPlace: WatchPlace;
  forecast: Pick<Forecast, "of">;
  /** Ends all streams: their readers come back, to another gateway perhaps. */
  stopping: AbortSignal;
}

export interface StreamOptions {
  /** A slug. */
  owner: string;
  lastEventId: string | undefined;
  /** Aborts when the reader is gone. */
  signal: AbortSignal;
  /** Called when the reader takes less than comes. */
  onSlow: () => void;
}

export type StreamTask = (
  task: TaskState,
  options: StreamOptions,
) => AsyncGenerator<StreamEvent>;

type Heard =
  | { chunk: TokenChunk }
  | { progress: RecordedEvent }
  | { place: Place }
  /** The task may have its outcome. */
  | "look"
  /** Text and events may have been missed too. */
  | "missed";

/** A chunk comes every 20 ms at most. */
const mostWaiting = 1_000;
const lookAgainMs = 1_000;

export function makeStreamTask({
  broker,
  done,
  readTask,
  watchProgress,
  watchPlace,
  forecast,
  stopping,
}: StreamDeps): StreamTask {
  return async function* streamTask(found, options) {
    const { task_id } = found;
    const { owner, lastEventId, onSlow } = options;
    const signal = AbortSignal.any([options.signal, stopping]);
    const inbox = makeInbox<Heard>(mostWaiting);
    const hear = (one: Heard) => void (inbox.put(one) || onSlow());
    // Released when the reader is gone, and not where the generator ends: it may never be asked for more.
    const hearing = new DisposableStack();
    const release = () => {
      inbox.close();
      hearing.dispose();
    };
    signal.addEventListener("abort", release, { once: true });
    hearing.use(hearTokens(broker, task_id, (chunk) => hear({ chunk })));
    hearing.use(watchProgress(found, (progress) => hear({ progress })));
    if (found.status === "queued")
      hearing.use(watchPlace(found, (place) => hear({ place })));
    hearing.use(done.of(task_id, () => hear("look")));
    hearing.defer(broker.onReconnect(() => hear("missed")));

    /** What can't be read now is read once more: that it changed is told once. */
    const look = async (task: TaskState) => {
      try {
        return (await readTask(task_id, owner)) ?? task;
      } catch {
        setTimeout(() => hear("look"), lookAgainMs).unref();
        return task;
      }
    };
    const stored = async () => {
      const chunks = await readTokens(broker, task_id, signal);
      return chunks.map(({ chunk }) => chunk);
    };

    try {
      await orAborted(subscribed(broker), signal);
      let task = await look(found);
      yield statusOf(task);
      const feed = makeTextFeed();
      const hasText = isOpen(task) && task.attempt > 0;
      if (hasText || lastEventId !== undefined) {
        const chunks = await stored();
        const ended = isOpen(task) ? undefined : task;
        if (lastEventId !== undefined)
          yield* feed.resume(lastEventId, chunks, ended);
        yield* feed.catchUp(chunks);
      }
      while (isOpen(task)) {
        const heard = await inbox.next();
        if (heard === undefined) return;
        if (heard === "look" || heard === "missed") {
          const before = task.status;
          task = await look(task);
          if (!isOpen(task)) break;
          if (task.status !== before) yield statusOf(task);
          if (heard === "missed") yield* feed.catchUp(await stored());
        } else if ("place" in heard) {
          const { place } = heard;
          if (task.status === "queued")
            yield statusOf(task, place, forecast.of(task, place));
        } else if ("chunk" in heard) {
          const before = task.status;
          task = evolve(task, startedBy(heard.chunk)) ?? task;
          if (task.status !== before) yield statusOf(task);
          yield* feed.take(heard.chunk) ?? feed.catchUp(await stored());
        } else {
          const before = task.status;
          task = evolve(task, heard.progress) ?? task;
          if (task.status !== before) yield statusOf(task);
        }
      }
      if (isOpen(task)) return;
      // Only a result holds the whole text; of the others the last of it may still be on its way, or in the inbox.
      if (task.status !== "completed" || feed.mayDiffer(task))
        yield* feed.catchUp(await stored());
      yield* feed.end(task);
    } catch (error) {
      if (!signal.aborted) throw error;
    } finally {
      signal.removeEventListener("abort", release);
      release();
    }
  };
}

/** Text shows that its attempt was started, also to a reader that came too late to hear of that. */
const startedBy = ({ attempt, worker_id }: TokenChunk): RecordedEvent => {
  const time = Date.now() / 1_000;
  const data = { attempt, worker_id, start_time: time, queue_wait_time: 0 };
  return {
    type: "GenerateStarted",
    data: { task_id: "", ...data },
    seq: 0,
    time,
  };
};

const statusOf = (
  { task_id, status, attempt }: TaskState,
  place?: Place,
  wait?: number,
): StreamEvent => ({
  event: "status",
  data: {
    ...{ task_id, status, attempt },
    ...(place && { queue_position: place.position }),
    ...(wait !== undefined && { estimated_wait: wait }),
  },
});
