import type { Broker } from "@jetscribe/event-log/broker/connection";
import { limitOf } from "@jetscribe/event-log/streams/logLimit";
import type { Delivery } from "@jetscribe/event-log/read/pull";
import { followStream, type Gather } from "@jetscribe/event-log/read/readLog";
import { idOf } from "@jetscribe/event-log/broker/streamState";
import type { Logger, TraceProjection } from "@jetscribe/runtime";
import type {
  Change,
  Checkpoint,
  TaskReader,
  TaskWriter,
} from "@jetscribe/task-store";
import { leaderBeatEveryMs, type RecordedEvent } from "@jetscribe/schema";
import { setTimeout as sleep } from "node:timers/promises";
import { makeBytesPerToken } from "./bytesPerToken.ts";
import { makeLeaderCheckpoint, refused, takeUp } from "./leaderCheckpoint.ts";
import { makeOpenTasks } from "./openTasks.ts";
import {
  measure,
  noOpenWork,
  openWorkAfter,
  projectTasks,
} from "./projectTasks.ts";
import { readEvents } from "./readEvents.ts";

/**
 * Somebody may wait for an outcome; nobody does for a request or a start, which their gateway and worker know. So these
 * wait a moment for what comes next: a short task is one commit, and none is under way when its outcome comes.
 */
const gather: Gather = {
  ms: 8,
  until: ({ subject }) => !/^llm\.events\.(requested|started)\./.test(subject),
};
/**
 * A commit costs as much as ten tasks, so under load the next batch gathers after a small one. After one of a few events
 * nobody is kept waiting.
 */
const fewEvents = 8;
const smallBatch = 256;
const gatherMs = 20;

export interface Store {
  reader: TaskReader;
  writer: TaskWriter;
}

/**
 * Told of what is read, before it is projected: these messages follow that place, with no other event in between. None:
 * the projection gets on, and there was nothing to read. Never told of messages that came over a connection that was
 * lost since.
 */
export type OnRead = (
  after: Pick<Checkpoint, "created" | "seq" | "id">,
  messages: readonly Delivery[],
) => void;

/**
 * Told of what was projected for the first time: never of what is projected anew, after Redis was emptied, or the log lost
 * its tail.
 */
export type OnNews = (news: {
  changes: readonly Change[];
  events: readonly RecordedEvent[];
  messages: readonly Delivery[];
}) => void;

/** Projects the log, from the checkpoint that was found in Redis, until another instance has taken over or the signal aborts. */
export async function leadProjection(
  {
    broker,
    reader,
    writer,
    log,
    onProgress,
    onLostTail,
    onTrouble,
    onRead,
    onNews,
    traces,
  }: Store & {
    broker: Broker;
    log: Logger;
    onProgress: (checkpoint?: Checkpoint) => void;
    onLostTail: () => void;
    /** It stands still, until it gets on. */
    onTrouble: (error: string) => void;
    onRead: OnRead;
    onNews: OnNews;
    traces?: TraceProjection | undefined;
  },
  found: Checkpoint | undefined,
  signal: AbortSignal,
): Promise<void> {
  const own = makeLeaderCheckpoint(writer, found);
  const open = makeOpenTasks(writer);
  const term = new AbortController();
  const over = AbortSignal.any([signal, term.signal]);
  let reading = new AbortController();
  /** The reader goes on behind the checkpoint. */
  let going = false;
  /** The log's last sequence when the reader began: what is projected so far is caught up. */
  let goal = 0;
  /** Bytes; of the stream as it was when the reader began. */
  let limit = 0;
  const { bytesPerToken: before } = found?.open ?? noOpenWork;
  const perToken = makeBytesPerToken(before);
  /** It is not logged again every second. */
  let lastError = "";

  function onRebuild(reason: "missing" | "lost_tail"): void {
    onProgress();
    if (reason === "lost_tail") onLostTail();
  }

  async function resume(): Promise<number> {
    open.forget();
    const look = async () => (await reader.look([])).checkpoint;
    if (!(await own.resume(look))) {
      log.warn("another instance has taken over");
      term.abort();
      throw refused();
    }
    const state = await takeUp({ broker, own, log, onRebuild }, own.get());
    goal = state.lastSeq;
    limit = limitOf(state.maxBytes);
    const { seq = 0, caughtUp } = own.get() ?? {};
    lastError = "";
    going = true;
    onProgress(own.get());
    log.info({ seq, last_seq: goal, caught_up: caughtUp }, "projecting");
    return seq + 1;
  }

  async function onBatch(messages: Delivery[]): Promise<void> {
    const last = messages.at(-1);
    if (last === undefined) return;
    const began = performance.now();
    const from = own.get();
    if (going && from !== undefined) onRead(from, messages);
    const events = readEvents(messages, log);
    const before = await open.read(events.map(({ data }) => data.task_id));
    perToken.note(events);
    const changes = projectTasks(before, events);
    const wasCaughtUp = from?.caughtUp === true;
    const caughtUp = wasCaughtUp || last.pending === 0 || last.seq >= goal;
    const { bytes, milestones } = measure(from, messages, limit);
    const work = openWorkAfter(
      from?.open ?? noOpenWork,
      changes,
      perToken.get(),
    );
    await own.advance(
      { seq: last.seq, id: idOf(last), caughtUp, bytes, open: work },
      changes,
      milestones,
    );
    open.note(changes);
    if (wasCaughtUp) onNews({ changes, events, messages });
    // What a rebuild reads again had its spans before.
    if (wasCaughtUp) traces?.(messages, began);
    onProgress(own.get());
    if (!wasCaughtUp && caughtUp) log.info({ seq: last.seq }, "caught up");
    const { length } = messages;
    if (length > fewEvents && length < smallBatch) await sleep(gatherMs);
  }

  function onInterruption(error: unknown): void {
    going = false;
    const now = error instanceof Error ? error.message : String(error);
    onTrouble(now);
    if (now !== lastError) log.warn({ err: error }, "interrupted");
    lastError = now;
  }

  /** Tells the others that somebody leads, and notices a Redis that was emptied or changed. */
  async function beat(): Promise<void> {
    if (!going) return;
    try {
      await own.advance({});
    } catch {
      // Another beat, or the reader, may have ended the reading: the next one is not this beat's to end.
      if (going) reading.abort();
      going = false;
      return;
    }
    const at = own.get();
    if (going && at !== undefined) onRead(at, []);
  }

  const following = {
    stream: broker.streams.events,
    gather,
    resume,
    onBatch,
    onInterruption,
  };
  const stopListening = broker.onDisconnect(() => (going = false));
  const beating = setInterval(() => void beat(), leaderBeatEveryMs);
  while (!over.aborted) {
    reading = new AbortController();
    const until = AbortSignal.any([over, reading.signal]);
    await followStream(broker, following, until);
  }
  clearInterval(beating);
  stopListening();
  if (going) await own.advance({ beat: 0 }).catch(() => undefined);
}
