/** One reader of one task's stream: a few subscriptions and a look at what was before them; no polling. */
import type { ReadText } from "@jetscribe/event-log/tokens/textReader";
import type { BrokerClock } from "@jetscribe/event-log/broker/brokerClock";
import type { Broker } from "@jetscribe/event-log/broker/connection";
import { orAborted } from "@jetscribe/event-log/broker/orAborted";
import { subscribed } from "@jetscribe/event-log/signals/signals";
import {
  hearTokens,
  lastTokenOfAnyCopy,
} from "@jetscribe/event-log/tokens/tokens";
import {
  isOpen,
  type EndedTask,
  type TaskState,
  type TokenChunk,
} from "@jetscribe/schema";
import type { Place } from "@jetscribe/task-store";
import { unavailable } from "../apiError.ts";
import type { Forecast } from "../forecast/forecast.ts";
import type { WatchPlace } from "./watchPlace.ts";
import { isLater, progressed, type WatchTask } from "../read/watchTask.ts";
import { expiredOutcome, hasExpired } from "../read/resultOf.ts";
import { makeTextFeed, outcomeId, type StreamEvent } from "./textFeed.ts";

export type StreamTask = (
  task: TaskState,
  options: {
    /** A slug. */
    owner: string;
    lastEventId: string | undefined;
    /** Aborts when the reader is gone. */
    signal: AbortSignal;
    /** Called when the reader takes less than comes. */
    onSlow: () => void;
  },
) => AsyncGenerator<StreamEvent>;

type Heard =
  | { chunk: TokenChunk }
  | { task: TaskState }
  | { place: Place }
  /** Text may have been missed. */
  | "missed";

/** A chunk comes every 20 ms at most. */
const maxWaiting = 1_000;

export function makeStreamTask(deps: {
  broker: Broker;
  watchTask: WatchTask;
  readText: ReadText;
  watchPlace: WatchPlace;
  forecast: Pick<Forecast, "of">;
  clock: Pick<BrokerClock, "nowS">;
  /** Ends all streams: their readers come back, to another gateway perhaps. */
  stopping: AbortSignal;
}): StreamTask {
  const { broker, watchTask, readText } = deps;
  return async function* streamTask(found, options) {
    const { task_id } = found;
    const { owner, lastEventId, onSlow } = options;
    const signal = AbortSignal.any([options.signal, deps.stopping]);
    const inbox = makeInbox<Heard>(maxWaiting);
    /** What overflows meanwhile is in the text that is read, or is missed by the next chunk, and read then. */
    let reading = false;
    const hear = (heard: Heard) => {
      if (!inbox.put(heard) && !reading) onSlow();
    };
    // Released when the reader is gone, and not where the generator ends: it may never be asked for more.
    const hearing = new DisposableStack();
    const release = () => {
      inbox.close();
      hearing.dispose();
    };
    signal.addEventListener("abort", release, { once: true });
    hearing.use(hearTokens(broker, task_id, (chunk) => hear({ chunk })));
    if (isOpen(found))
      hearing.use(watchTask(found, owner, (task) => inbox.putAlways({ task })));
    if (found.status === "queued")
      hearing.use(deps.watchPlace(found, (place) => hear({ place })));
    hearing.defer(broker.onReconnect(() => inbox.putAlways("missed")));
    const mayHaveText = isOpen(found) && found.attempt > 0;
    // On the connection of the subscription, and after it: what that one missed is found, or in a cluster, where a copy is
    // behind, with the next chunk or the outcome. One chunk is all there is of a text that has just begun, and is read in a
    // fraction of the time that all of a text takes.
    if (isOpen(found) && lastEventId === undefined)
      lastTokenOfAnyCopy(broker, task_id).then(
        (last) => last && hear({ chunk: last.chunk }),
        () => mayHaveText && inbox.putAlways("missed"),
      );

    // Nothing is sent yet: a broker that goes away meanwhile is an answer of its own.
    const listening = () =>
      subscribed(broker).catch((cause: unknown) => {
        throw unavailable("the broker can't be reached", cause);
      });
    const stored = async () => {
      reading = true;
      try {
        const chunks = await readText(task_id, signal);
        return chunks.map(({ chunk }) => chunk);
      } finally {
        reading = false;
      }
    };

    try {
      await orAborted(listening(), signal);
      let task = found;
      yield statusOf(task);
      if (!isOpen(task) && hasExpired(task, deps.clock)) {
        yield expiredEnd(task);
        return;
      }
      const feed = makeTextFeed();
      if (lastEventId !== undefined) {
        const chunks = await stored();
        const ended = isOpen(task) ? undefined : task;
        yield* feed.resume(lastEventId, chunks, ended);
        yield* feed.catchUp(chunks);
      }
      while (isOpen(task)) {
        const heard = await inbox.next();
        if (heard === undefined) return;
        if (heard === "missed") yield* feed.catchUp(await stored());
        else if ("task" in heard) {
          if (!isLater(heard.task, task)) continue;
          task = heard.task;
          if (isOpen(task)) yield statusOf(task);
        } else if ("place" in heard) {
          const { place } = heard;
          if (task.status === "queued")
            yield statusOf(task, place, deps.forecast.of(task, place));
        } else if ("chunk" in heard) {
          const before = task.status;
          // Text shows that its attempt was started, also to a reader that came too late to hear of that.
          const { attempt } = heard.chunk;
          task = progressed(task, "GenerateStarted", attempt);
          if (task.status !== before) yield statusOf(task);
          yield* feed.take(heard.chunk) ?? feed.catchUp(await stored());
        }
      }
      if (isOpen(task)) return;
      // A projection that is behind, or a slow reader, may bring the outcome long after it was stored.
      if (hasExpired(task, deps.clock)) {
        yield expiredEnd(task);
        return;
      }
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

/** A reader that comes after the texts' time is told the outcome, and no text. */
const expiredEnd = (task: EndedTask): StreamEvent => ({
  event: task.status,
  id: outcomeId,
  data: expiredOutcome(task),
});

const statusOf = (
  { task_id, status, attempt, not_before }: TaskState,
  place?: Place,
  wait?: number,
): StreamEvent => ({
  event: "status",
  data: {
    task_id,
    status,
    attempt,
    ...(status === "queued" && not_before !== undefined && { not_before }),
    ...(place && { queue_position: place.position }),
    ...(wait !== undefined && { estimated_wait: wait }),
  },
});

/** What is heard for one reader, until it is taken; bounded, so that a reader that takes nothing costs nothing more. */
function makeInbox<T>(max: number) {
  const waiting: T[] = [];
  let closed = false;
  let changed = Promise.withResolvers<void>();
  /** For the few that must not be lost: taken also where it is full. */
  function putAlways(heard: T): void {
    waiting.push(heard);
    changed.resolve();
  }
  return {
    /** False: it is full, and the reader too slow. */
    put(heard: T): boolean {
      if (waiting.length >= max) return false;
      putAlways(heard);
      return true;
    },
    putAlways,
    /** Undefined: it was closed. */
    async next(): Promise<T | undefined> {
      while (waiting.length === 0 && !closed) {
        await changed.promise;
        changed = Promise.withResolvers();
      }
      return closed ? undefined : waiting.shift();
    },
    close(): void {
      closed = true;
      changed.resolve();
    },
  };
}
