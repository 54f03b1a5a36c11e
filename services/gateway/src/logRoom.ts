/** The log drops its oldest events when it is full: before that would be one that is still needed, requests are refused. */
import type { BrokerClock } from "@jetscribe/event-log/brokerClock";
import type { Broker } from "@jetscribe/event-log/connection";
import { streamState } from "@jetscribe/event-log/streamState";
import type { Logger } from "@jetscribe/runtime";
import { streams, type GenerateRequested } from "@jetscribe/schema";
import type { LogUse, TaskReader } from "@jetscribe/task-store";
import { ApiError } from "./apiError.ts";
import { heldOf, type Held } from "./heldOf.ts";

export interface LogRoom extends Disposable {
  /** Takes room for a request. Throws an ApiError where the log has none. */
  take: (request: GenerateRequested) => void;
  /** Why requests are refused; undefined: they are not. */
  full: () => string | undefined;
}

const lookEveryMs = 1_000;
/** The rest is for the outcomes. */
const mostOfLog = 0.8;
/** Where it isn't known what is needed, this gateway accepts so much more: Redis is away, and was so at its start. */
const shareUnknown = 0.1;
/** What an event has beside its text. */
const frameBytes = 1_000;
const retryAfterS = 5;

/** Resolves after the first look. */
export async function watchLogRoom(
  broker: Broker,
  { logUse }: Pick<TaskReader, "logUse">,
  {
    eventsMaxBytes,
    clock,
    log,
  }: {
    eventsMaxBytes: number;
    clock: Pick<BrokerClock, "nowMs">;
    log: Logger;
  },
): Promise<LogRoom> {
  const most = eventsMaxBytes * mostOfLog;
  /** Without Redis, and while the projection is built anew, the last one holds: the oldest task only gets younger. */
  let use: LogUse | undefined;
  let held: Held = {
    bytes: most - eventsMaxBytes * shareUnknown,
    by: "what can't be found out without Redis",
  };
  /** Bytes that this gateway accepted since that was found out. */
  let taken = 0;
  let looking = false;
  let wasFull = false;

  async function look(): Promise<void> {
    const before = taken;
    const state = await streamState(broker, streams.events);
    const found = await heldIn(state);
    if (found === undefined) return;
    held = found;
    taken -= before;
    const isFull = full() !== undefined;
    if (isFull && !wasFull) log.warn(held, "the log has no room for requests");
    if (!isFull && wasFull) log.info(held, "the log has room for requests");
    wasFull = isFull;
  }

  async function heldIn(
    state: Awaited<ReturnType<typeof streamState>>,
  ): Promise<Held | undefined> {
    const { bytes, created, firstSeq } = state;
    if (bytes < most / 2) return { bytes, by: "all that it has" };
    use = (await logUse(firstSeq).catch(() => undefined)) ?? use;
    return use?.checkpoint.created === created
      ? heldOf(use, state, clock.nowMs())
      : undefined;
  }

  async function lookAgain(): Promise<void> {
    if (looking) return;
    looking = true;
    // The broker is away: so is everything that could be accepted.
    await look().catch(() => undefined);
    looking = false;
  }

  function full(): string | undefined {
    if (held.bytes + taken < most) return undefined;
    const share = Math.round(((held.bytes + taken) / eventsMaxBytes) * 100);
    return `the log has no room: ${share} % of it is still needed, from ${held.by} on`;
  }

  function take({ prompt = "", messages = [] }: GenerateRequested): void {
    const why = full();
    if (why !== undefined)
      throw new ApiError("log_full", why, {
        limit: { name: "EVENTS_MAX_BYTES", value: eventsMaxBytes },
        retryAfterS,
      });
    taken += frameBytes + Buffer.byteLength(prompt);
    for (const { content } of messages) taken += Buffer.byteLength(content);
  }

  await lookAgain();
  const timer = setInterval(() => void lookAgain(), lookEveryMs);
  return { take, full, [Symbol.dispose]: () => clearInterval(timer) };
}
