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
  type DensityAnswer,
  type DensityQuestion,
  type IndexAnswer,
  type IndexQuestion,
  type ListAnswer,
  type ListQuestion,
  type MomentAnswer,
  type MomentQuestion,
  type StatisticsAnswer,
  type StatisticsQuestion,
  type UpTo,
} from "@jetscribe/event-log/read/taskIndex";
import type { Logger } from "@jetscribe/runtime";
import { indexPatienceMs, indexStarvedAfterMs } from "@jetscribe/schema";
import { once } from "node:events";
import { lacksMetrics } from "../statistics/outcomeOf.ts";
import type { Kept } from "../statistics/series.ts";
import { joinOn, makeFeeding } from "./feeding.ts";
import type { Position } from "./schema.ts";
import { makeMoments, momentRows } from "./moments.ts";
import { openTaskPlaces, type TaskPlaces } from "./taskPlaces.ts";

/** Events wait so long for more, since a batch costs more than an event. */
const gather: Gather = { ms: 5, until: () => false };
/** How often it looks where the log begins. */
const tidyEveryMs = 60_000;

/** `dir` is the folder of the index's file; `kept`: for how long statistics are. */
export function makeTaskIndex(
  broker: Broker,
  {
    dir,
    kept,
    log,
  }: { dir: string; kept: Kept; log: Pick<Logger, "info" | "warn"> },
) {
  let places: TaskPlaces | undefined;
  /** Counts what may have changed the log behind us, such as a restart of the broker. */
  let doubts = 0;
  /** After so many of them the index was compared with the log; before that it answers nothing. */
  let comparedAt = -1;
  /** The log's last sequence when the reader began. */
  let goal = 0;
  let moved = Promise.withResolvers<void>();
  const moments = makeMoments(broker);
  const feeding = makeFeeding(indexStarvedAfterMs);
  let serving: Disposable | undefined;
  let lastError = "";
  /** Outcomes of earlier versions have their metrics in their bodies alone: where one comes, it reads on with bodies. */
  let withBodies = false;

  async function resume(): Promise<number> {
    const doubtsBefore = doubts;
    comparedAt = -1; // What it is fed meanwhile would move it.
    const taken = (places ??= openTaskPlaces(dir, kept));
    const state = await streamState(broker, broker.streams.events);
    const { created, firstSeq, lastSeq } = state;
    const idAt = (seq: number) => eventIdAt(broker, seq);
    const position = taken.position();
    const standing =
      position && (await compareCheckpoint(position, state, idAt));
    const beginning = { created, seq: Math.max(0, firstSeq - 1), id: "" };
    // While it is built anew it is not there to be asked: another one may be quicker, and a search is.
    if (standing !== "intact") stopServing();
    if (standing === "gap") taken.moveTo(beginning);
    else if (standing !== "intact") {
      const because = position ? "the log lost its tail" : "there is none";
      log.info({ because, last_seq: lastSeq }, "building the task index");
      taken.restart(beginning);
      moments.forget();
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

  /** Takes what the reader of its own reads. */
  function takeRead(messages: readonly Delivery[]): void {
    if (!withBodies && messages.some(lacksMetrics)) {
      withBodies = true;
      throw new Error("an outcome has its metrics in its body alone");
    }
    take(messages);
  }

  /** What it covers may be more now. */
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

  /** From when it has caught up; from then on each question waits for what it asks about. */
  function serve(): void {
    const isBehind = (places?.position()?.seq ?? 0) < goal;
    if (!isBehind)
      serving ??= serveTaskIndex(broker, {
        ...{ seqs, list, moment, density, statistics },
      });
  }

  function stopServing(): void {
    serving?.[Symbol.dispose]();
    serving = undefined;
  }

  async function seqs(question: IndexQuestion): Promise<IndexAnswer> {
    const seqs = await reading(question, () =>
      places?.seqsOf(question.task_id),
    );
    return { ...where(), ...(seqs && { seqs: [...seqs] }) };
  }

  async function list(question: ListQuestion): Promise<ListAnswer> {
    const { at } = question;
    const open =
      at === undefined ? undefined : await openAt({ ...question, at });
    if (at !== undefined && open === undefined) return where();
    const page = await reading(question, () => places?.list(question, open));
    return { ...where(), ...(page && { page }) };
  }

  /** Undefined where `reading` is, and where the log has dropped the moment. */
  async function openAt(question: MomentQuestion) {
    const current = await reading(question, () => places);
    if (current === undefined || question.at > question.seq) return undefined;
    try {
      return await moments.openAt(current, question);
    } catch (error) {
      log.warn({ err: error }, "a moment of the past can't be read");
      return undefined;
    }
  }

  async function moment(question: MomentQuestion): Promise<MomentAnswer> {
    const open = await openAt(question);
    const queues = places?.queuesOf(question.owner);
    const rows = open && queues && momentRows(open, queues);
    return { ...where(), ...(rows && { rows }) };
  }

  async function density(question: DensityQuestion): Promise<DensityAnswer> {
    const density = await reading(question, () => places?.density(question));
    return { ...where(), ...(density && { density }) };
  }

  async function statistics(
    question: StatisticsQuestion,
  ): Promise<StatisticsAnswer> {
    const answer = await reading(question, () => {
      const parts = places?.statistics(question);
      return parts && { ...where(), time: places?.latest(), parts };
    });
    return answer ?? where();
  }

  function where() {
    const { created = "", seq = 0 } = places?.position() ?? {};
    return { created, position: seq };
  }

  function covers({ created, seq }: UpTo): boolean {
    const position = places?.position();
    if (position === undefined || comparedAt !== doubts) return false;
    return position.created === created && position.seq >= seq;
  }

  async function reaches(question: UpTo): Promise<boolean> {
    if (covers(question)) return true;
    const patience = AbortSignal.timeout(indexPatienceMs);
    while (!covers(question) && !patience.aborted)
      await orAborted(moved.promise, patience).catch(() => undefined);
    return covers(question);
  }

  /** Undefined where the index has not read so far, or can't be read. */
  async function reading<T>(
    question: UpTo,
    read: () => T | undefined,
  ): Promise<T | undefined> {
    if (!(await reaches(question))) return undefined;
    try {
      return read();
    } catch (error) {
      giveUp(error);
      return undefined;
    }
  }

  const following = {
    stream: broker.streams.events,
    get headersOnly() {
      return !withBodies;
    },
    gather,
    resume,
    onBatch: takeRead,
    onInterruption,
  };

  /** Follows the log and answers until the signal aborts. */
  async function run(signal: AbortSignal): Promise<void> {
    const stopDoubting = broker.onDisconnect(() => doubts++);
    const tidying = setInterval(() => void tidy(), tidyEveryMs);
    while (!signal.aborted) {
      const untilFed = AbortSignal.any([signal, feeding.fed()]);
      await followStream(broker, following, untilFed);
      withBodies = false;
      const untilStarved = AbortSignal.any([signal, feeding.starved()]);
      if (!untilStarved.aborted) await once(untilStarved, "abort");
    }
    clearInterval(tidying);
    stopDoubting();
    close();
  }

  function close(): void {
    feeding[Symbol.dispose]();
    stopServing();
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
