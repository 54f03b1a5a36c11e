/** The task index, fed by the projection or by a reader of its own: decision 0012. */
import type { Broker } from "@jetscribe/event-log/broker/connection";
import { orAborted } from "@jetscribe/event-log/broker/orAborted";
import type { Delivery } from "@jetscribe/event-log/read/pull";
import { followStream, type Gather } from "@jetscribe/event-log/read/readLog";
import {
  compareCheckpoint,
  eventIdAt,
  streamState,
} from "@jetscribe/event-log/broker/streamState";
import {
  serveTaskIndex,
  type IndexAnswer,
  type IndexQuestion,
} from "@jetscribe/event-log/read/taskIndex";
import type { Logger } from "@jetscribe/runtime";
import { indexPatienceMs, indexStarvedAfterMs } from "@jetscribe/schema";
import { once } from "node:events";
import { joinOn, makeFeeding } from "./feeding.ts";
import {
  openTaskPlaces,
  type Position,
  type TaskPlaces,
} from "./taskPlaces.ts";

/** Events wait so long for more, since a batch costs more than an event. */
const gather: Gather = { ms: 5, until: () => false };
/** How often it looks where the log begins. */
const tidyEveryMs = 60_000;

/** `dir` is the folder of the index's file. */
export function makeTaskIndex(
  broker: Broker,
  { dir, log }: { dir: string; log: Pick<Logger, "info" | "warn"> },
) {
  let places: TaskPlaces | undefined;
  /** Counts what may have changed the log behind us, such as a restart of the broker. */
  let doubts = 0;
  /** After so many of them the index was compared with the log; before that it answers nothing. */
  let comparedAt = -1;
  /** The log's last sequence when the reader began. */
  let goal = 0;
  let moved = Promise.withResolvers<void>();
  const feeding = makeFeeding(indexStarvedAfterMs);
  let serving: Disposable | undefined;
  let lastError = "";

  async function resume(): Promise<number> {
    const doubtsBefore = doubts;
    comparedAt = -1; // What it is fed meanwhile would move it.
    const taken = (places ??= openTaskPlaces(dir));
    const state = await streamState(broker, broker.streams.events);
    const { created, firstSeq, lastSeq } = state;
    const idAt = (seq: number) => eventIdAt(broker, seq);
    const position = taken.position();
    const standing =
      position && (await compareCheckpoint(position, state, idAt));
    const beginning = { created, seq: Math.max(0, firstSeq - 1), id: "" };
    if (standing === "gap") taken.moveTo(beginning);
    else if (standing !== "intact") {
      const because = position ? "the log lost its tail" : "there is none";
      log.info({ because, last_seq: lastSeq }, "building the task index");
      taken.restart(beginning);
    }
    taken.removeBefore(firstSeq);
    goal = lastSeq;
    comparedAt = doubtsBefore;
    lastError = "";
    announceMove();
    return (taken.position()?.seq ?? 0) + 1;
  }

  function take(messages: readonly Delivery[]): void {
    if (places === undefined) throw new Error("the index's file was given up");
    try {
      places.take(messages);
    } catch (error) {
      giveUp(error);
      throw error;
    }
    announceMove();
  }

  /** Takes what the projection reads, where that joins on to what is in the index; else it does nothing. Never throws. */
  function feed(after: Position, messages: readonly Delivery[]): void {
    const at = places?.position();
    if (at === undefined || comparedAt !== doubts) return;
    const news = joinOn(at, after, messages);
    if (news === undefined) return;
    try {
      if (news.length > 0) take(news);
      feeding.note();
    } catch (error) {
      onInterruption(error);
    }
  }

  /** What it covers may be more now, or not be enough any more. */
  function announceMove(): void {
    serve();
    const waiting = moved;
    moved = Promise.withResolvers();
    waiting.resolve();
  }

  /** What the log has dropped goes. */
  async function tidy(): Promise<void> {
    const state = await streamState(broker, broker.streams.events).catch(
      () => undefined,
    );
    if (state !== undefined) places?.removeBefore(state.firstSeq);
  }

  /** Closes the file, which `resume` opens again; one that can't be read goes. */
  function giveUp(error: unknown): void {
    doubts++;
    if (places?.discardIfCorrupt(error))
      log.warn({ err: error }, "the task index can't be read: it is removed");
    places?.[Symbol.dispose]();
    places = undefined;
  }

  function onInterruption(error: unknown): void {
    doubts++;
    const now = error instanceof Error ? error.message : String(error);
    if (now !== lastError)
      log.warn({ err: error }, "the task index is interrupted");
    lastError = now;
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
    const patience = AbortSignal.timeout(indexPatienceMs);
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
    stream: broker.streams.events,
    headersOnly: true,
    gather,
    resume,
    onBatch: take,
    onInterruption,
  };

  /** Follows the log and answers until the signal aborts. */
  async function run(signal: AbortSignal): Promise<void> {
    const stopDoubting = broker.onDisconnect(() => doubts++);
    const tidying = setInterval(() => void tidy(), tidyEveryMs);
    while (!signal.aborted) {
      const untilFed = AbortSignal.any([signal, feeding.fed()]);
      await followStream(broker, following, untilFed);
      const untilStarved = AbortSignal.any([signal, feeding.starved()]);
      if (!untilStarved.aborted) await once(untilStarved, "abort");
    }
    clearInterval(tidying);
    stopDoubting();
    close();
  }

  function close(): void {
    feeding[Symbol.dispose]();
    serving?.[Symbol.dispose]();
    try {
      places?.flush();
    } catch (error) {
      giveUp(error);
    }
    places?.[Symbol.dispose]();
    places = undefined;
  }

  return { feed, run };
}
