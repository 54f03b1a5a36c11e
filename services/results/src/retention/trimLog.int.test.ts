/** When the log is trimmed, and when the checkpoint or the readers are not known well enough; on a real broker. */
import {
  eventIdAt,
  streamState,
} from "@jetscribe/event-log/broker/streamState";
import { makeLogger } from "@jetscribe/runtime";
import { newTaskId, streams } from "@jetscribe/schema";
import type { LogUse } from "@jetscribe/task-store";
import { eventually, startNats } from "@jetscribe/testing";
import assert from "node:assert/strict";
import { test } from "vitest";
import type { Role } from "../projection/projection.ts";
import { completed, openWriter, requested } from "../../test/resultsTestKit.ts";
import { whileLeading } from "../projection/whileLeading.ts";
import { makeLogTrim } from "./trimLog.ts";

const eventsMaxBytes = 200_000;
/** Leaves finished history no room: all that may go goes. */
const open = { tasks: 1, tokens: 10_000, bytes: 0, bytesPerToken: 64 };

/** A log in which all is finished and read, and its trim. */
async function finishedLog() {
  await using opened = new AsyncDisposableStack();
  const nats = opened.use(await startNats());
  const writer = opened.use(await openWriter(nats.url, { eventsMaxBytes }));
  const { broker, append } = writer;
  for (let i = 0; i < 10; i++) {
    const id = newTaskId();
    await append(requested(id));
    await append(completed(id));
  }
  const { created, lastSeq: seq, bytes } = await logState();
  const id = await eventIdAt(broker, seq);
  const use: LogUse = {
    checkpoint: {
      ...{ created, seq, id: id ?? "", caughtUp: true, beat: 1, bytes, open },
    },
    milestones: [
      { seq: 0, bytes: 0 },
      { seq: 10, bytes: Math.floor(bytes / 2) },
      { seq, bytes },
    ],
    ...{ oldestOpen: undefined, projections: [] },
  };
  const known = {
    use,
    role: { leading: true, seq, caughtUp: true, open } as Role,
    clockIsRead: true,
    listenedMs: 60_000,
    looks: 0,
  };
  const projection = {
    role() {
      known.looks++;
      return known.role;
    },
  };
  const { log } = makeLogger({ service: "test", level: "fatal" });
  const trim = makeLogTrim({
    broker,
    clock: {
      // All is over its age.
      nowMs: () => Date.now() + 48 * 3_600_000,
      isRead: () => known.clockIsRead,
    },
    reader: {
      logUse() {
        known.looks++;
        return Promise.resolve(known.use);
      },
    },
    projection,
    listening: { forMs: () => known.listenedMs },
    maxAgeMs: 3_600_000,
    log,
  });
  const stop = new AbortController();
  const running = whileLeading({ projection, log }, trim.job, stop.signal);
  opened.defer(async () => {
    stop.abort();
    await running;
  });
  function logState() {
    return streamState(broker, streams.events);
  }
  const moved = opened.move();
  return {
    ...{ known, seq },
    firstSeq: async () => (await logState()).firstSeq,
    /** After so many more questions to the projection or Redis. */
    async looksOn(count = 20) {
      const from = known.looks;
      await eventually(() => known.looks >= from + count);
    },
    [Symbol.asyncDispose]: () => moved.disposeAsync(),
  };
}

// Each test has servers of its own, and mostly waits.
test.concurrent(
  "a checkpoint of another past drops nothing; one of this log does",
  async () => {
    await using log = await finishedLog();
    const { known, seq } = log;
    const { checkpoint } = known.use;
    known.use = {
      ...known.use,
      checkpoint: { ...checkpoint, id: "lost.completed" },
    };
    await log.looksOn();
    assert.equal(await log.firstSeq(), 1);
    known.use = { ...known.use, checkpoint };
    await eventually(async () => (await log.firstSeq()) === seq + 1);
  },
);

test.concurrent(
  "a projection that stands still drops nothing until it gets on",
  async () => {
    await using log = await finishedLog();
    const { known, seq } = log;
    const { role } = known;
    known.role = { ...role, error: "Redis refused a write" };
    await log.looksOn();
    assert.equal(await log.firstSeq(), 1);
    known.role = role;
    await eventually(async () => (await log.firstSeq()) === seq + 1);
  },
);

test.concurrent(
  "what a machine's clock says makes no event old and no reader silent: the broker's time has to be known",
  async () => {
    await using log = await finishedLog();
    const { known, seq } = log;
    const heardAt = Date.now();
    known.clockIsRead = false;
    known.use = {
      ...known.use,
      projections: [{ name: "logger", seq: 10, heardAt }],
    };
    await eventually(async () => (await log.firstSeq()) === 11);
    await log.looksOn();
    assert.equal(await log.firstSeq(), 11);
    known.clockIsRead = true;
    await eventually(async () => (await log.firstSeq()) === seq + 1);
  },
);

test.concurrent(
  "nothing is dropped before this instance has listened long enough to hear every reader",
  async () => {
    await using log = await finishedLog();
    const { known, seq } = log;
    known.listenedMs = 5_000;
    await log.looksOn();
    assert.equal(await log.firstSeq(), 1);
    known.listenedMs = 7_000;
    await eventually(async () => (await log.firstSeq()) === seq + 1);
  },
);
