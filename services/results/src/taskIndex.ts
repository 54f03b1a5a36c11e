/**
 * The task index: from a task's id to the places of all its events in the log. It is made from the log's headers, on
 * disk beside this process, and independent of Redis; the log is always enough to make it again. It is asked by NATS.
 */
import { orAborted, type Broker } from "@jetscribe/event-log/connection";
import type { Delivery } from "@jetscribe/event-log/pull";
import { followStream, type Gather } from "@jetscribe/event-log/readLog";
import {
  eventIdAt,
  streamState,
  type StreamState,
} from "@jetscribe/event-log/streamState";
import {
  serveTaskIndex,
  type IndexAnswer,
  type IndexQuestion,
} from "@jetscribe/event-log/taskIndex";
import type { Logger } from "@jetscribe/runtime";
import { streams } from "@jetscribe/schema";
import { standingOf } from "./standing.ts";
import { openTaskPlaces, type TaskPlaces } from "./taskPlaces.ts";

/** Events wait so long for more, since a batch costs more than an event. */
const gather: Gather = { ms: 5, until: () => false };
/** How often it looks where the log begins. */
const tidyEveryMs = 60_000;
/** A question about what isn't read yet waits so long. */
const patienceMs = 1_000;

/** Follows the log and answers until the signal aborts. `dir` is the folder of the index's file. */
export async function keepTaskIndex(
  broker: Broker,
  { dir, log }: { dir: string; log: Pick<Logger, "info" | "warn"> },
  signal: AbortSignal,
): Promise<void> {
  let places: TaskPlaces | undefined;
  /** Counts what may have changed the log behind us, such as a restart of the broker. */
  let doubts = 0;
  /** After so many of them the index was compared with the log; before that it answers nothing. */
  let comparedAt = -1;
  /** The log's last sequence when the reader began. */
  let goal = 0;
  let moved = Promise.withResolvers<void>();
  let serving: Disposable | undefined;
  let tidiedAt = -Infinity;
  /** The interruption that was spoken of last. */
  let said = "";

  async function resume(): Promise<number> {
    const doubtsBefore = doubts;
    places ??= openTaskPlaces(dir);
    const state = await streamState(broker, streams.events);
    const { seq } = await takeUp(places, state);
    goal = state.lastSeq;
    comparedAt = doubtsBefore;
    said = "";
    serve();
    return seq + 1;
  }

  /** Compares the index with the log, and gives the position to go on from. */
  async function takeUp(
    places: TaskPlaces,
    state: StreamState,
  ): Promise<{ seq: number }> {
    const { created, firstSeq, lastSeq } = state;
    const beginning = { created, seq: Math.max(0, firstSeq - 1), id: "" };
    const idAt = (seq: number) => eventIdAt(broker, seq);
    const position = places.position();
    const standing = position && (await standingOf(position, state, idAt));
    if (position !== undefined && standing === "intact") return position;
    if (standing === "gap") places.moveTo(beginning);
    else {
      const because = position ? "the log lost its tail" : "there is none";
      log.info({ because, last_seq: lastSeq }, "building the task index");
      places.restart(beginning);
    }
    return beginning;
  }

  async function onBatch(messages: Delivery[]): Promise<void> {
    if (places === undefined) throw new Error("the index's file was given up");
    try {
      places.take(messages);
    } catch (error) {
      giveUp(error);
      throw error;
    }
    serve();
    const waiting = moved;
    moved = Promise.withResolvers();
    waiting.resolve();
    if (performance.now() - tidiedAt < tidyEveryMs) return;
    tidiedAt = performance.now();
    const { firstSeq } = await streamState(broker, streams.events);
    places.removeBefore(firstSeq);
  }

  /** Closes the file, which `resume` opens again; one that can't be read goes. */
  function giveUp(error: unknown): void {
    doubts++;
    if (places?.discardIfBroken(error))
      log.warn({ err: error }, "the task index can't be read: it is removed");
    places?.[Symbol.dispose]();
    places = undefined;
  }

  function onInterruption(error: unknown): void {
    doubts++;
    const now = error instanceof Error ? error.message : String(error);
    if (now !== said) log.warn({ err: error }, "the task index is interrupted");
    said = now;
  }

  /** Far behind it is not there to be asked: another one may be quicker, and a search is. */
  function serve(): void {
    const isBehind = (places?.position()?.seq ?? 0) < goal;
    if (!isBehind) serving ??= serveTaskIndex(broker, answer);
    else {
      serving?.[Symbol.dispose]();
      serving = undefined;
    }
  }

  async function answer(question: IndexQuestion): Promise<IndexAnswer> {
    const seqs = (await reaches(question)) ? read(question.task_id) : undefined;
    const { created = "", seq = 0 } = places?.position() ?? {};
    return { created, position: seq, ...(seqs && { seqs }) };
  }

  function covers({ created, seq }: IndexQuestion): boolean {
    const position = places?.position();
    if (position === undefined || comparedAt !== doubts) return false;
    return position.created === created && position.seq >= seq;
  }

  async function reaches(question: IndexQuestion): Promise<boolean> {
    if (covers(question)) return true;
    const patience = AbortSignal.timeout(patienceMs);
    while (!covers(question) && !patience.aborted)
      await orAborted(moved.promise, patience).catch(() => undefined);
    return covers(question);
  }

  function read(taskId: string): number[] | undefined {
    try {
      return places?.seqsOf(taskId);
    } catch (error) {
      giveUp(error);
      return undefined;
    }
  }

  const following = {
    ...{ stream: streams.events, headersOnly: true, gather },
    ...{ resume, onBatch, onInterruption },
  };
  const stopDoubting = broker.onDisconnect(() => doubts++);
  await followStream(broker, following, signal);
  stopDoubting();
  serving?.[Symbol.dispose]();
  try {
    places?.flush();
  } catch (error) {
    giveUp(error);
  }
  places?.[Symbol.dispose]();
}
