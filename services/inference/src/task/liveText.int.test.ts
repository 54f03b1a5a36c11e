/** The text of an attempt on its way through a real TOKENS, and who holds it. */
import { makeAppender } from "@jetscribe/event-log/append/append";
import { elapsedMs } from "@jetscribe/event-log/broker/elapsed";
import { orAborted } from "@jetscribe/event-log/broker/orAborted";
import { connectBroker } from "@jetscribe/event-log/broker/connection";
import {
  makeTokenLog,
  readTokens,
  type TokenLog,
} from "@jetscribe/event-log/tokens/tokens";
import type { TaskAnswer } from "@jetscribe/event-log/state/taskStates";
import { ensureTopology } from "@jetscribe/event-log/streams/topology";
import type { Logger } from "@jetscribe/runtime";
import {
  evolve,
  isOpen,
  streams,
  type TaskState,
  type TokenChunk,
} from "@jetscribe/schema";
import {
  eventually,
  natsVersions,
  startNats,
  type NatsVersion,
} from "@jetscribe/testing";
import assert from "node:assert/strict";
import { describe, test } from "vitest";
import { makeAttempt } from "./attempt.ts";
import { makeHeldTasks } from "../ownership/heldTasks.ts";
import type { Change } from "../ownership/taskInHand.ts";
import { keptNothing } from "../ownership/keptText.ts";
import { makeRunningTasks } from "../ownership/runningTasks.ts";
import { firstPart, makeLiveTexts } from "./liveText.ts";
import { expired, started } from "./outcomes.ts";
import { makeReadWriteLock } from "./readWriteLock.ts";
import { makeRecord } from "./record.ts";
import { firstClaim, makeTextLock, type Claim } from "../ownership/textLock.ts";
import { reasonOf } from "../../test/reasonOf.ts";
import { readLog, requestOf, type Request } from "../../test/workerTestKit.ts";

/** A broker, and two workers' holds on one task. */
async function open(version: NatsVersion, request: Request = {}) {
  await using opening = new AsyncDisposableStack();
  const stack = opening.use(new AsyncDisposableStack());
  const nats = stack.use(await startNats({ version }));
  const { data } = requestOf(request);
  const warnings: unknown[] = [];
  const log = { warn: (fields: unknown) => warnings.push(fields) };

  async function join(workerId: string) {
    const broker = stack.use(
      await connectBroker({ url: nats.url, name: workerId }),
    );
    const tokens = stack.use(makeTokenLog(broker));
    /** What gets lost of the next publish. */
    let lose: "request" | "answer" | "all requests" | undefined;
    let puts = 0;
    const lossy: TokenLog = {
      ...tokens,
      async put(...args) {
        puts++;
        const lost = lose;
        if (lost === "all requests") return { kind: "unknown" };
        lose = undefined;
        if (lost === "request") return { kind: "unknown" };
        const put = await tokens.put(...args);
        return lost === "answer" ? { kind: "unknown" } : put;
      },
    };
    const held = stack.use(
      makeHeldTasks({
        ackWaitMs: 3_600_000,
        states: { surelyAll: () => Promise.reject(new Error("not asked")) },
      }),
    );
    const inHand = stack.use(
      held.hold({
        event: { type: "GenerateRequested", data, seq: 1, time: 1 },
        queue: data,
        traceparent: undefined,
        freshAsOf: 0,
        highWaterMark: undefined,
        renew: () => Promise.resolve(),
        served: () => undefined,
        leaveSlot: () => undefined,
      }),
    );
    const lock = makeTextLock({
      canGoOn: () => true,
      broker,
      workerId,
      tokens: lossy,
      log: log as unknown as Logger,
    });
    const live = (claim: Claim = firstClaim) => {
      const text = makeLiveTexts(lock, workerId).begin(inHand, claim);
      let tokensSoFar = 0;
      const say = (piece: string) =>
        text.say(piece, { promptTokens: 5, completionTokens: ++tokensSoFar });
      return { ...text, say };
    };
    const loseNext = (what: typeof lose) => (lose = what);
    const record = (surely: () => Promise<TaskAnswer>) =>
      makeRecord({
        broker,
        workerId,
        log: log as unknown as Logger,
        clock,
        appender: stack.use(makeAppender(broker, workerId)),
        states: { surely },
      });
    return {
      broker,
      inHand,
      lock,
      live,
      loseNext,
      record,
      puts: () => puts,
    };
  }

  const a = await join("a");
  await ensureTopology(a.broker, {
    eventsMaxBytes: 2 ** 28,
    taskTimeoutMs: 60_000,
    ...{ auditMaxAgeMs: 3_600_000, auditMaxBytes: 2 ** 24 },
    replicas: 1,
  });
  const stored = async () => {
    const all = await readTokens(a.broker, data.task_id, signal);
    return all.map(({ chunk }) => chunk);
  };
  const b = await join("b");
  opening.move();
  return {
    nats,
    a,
    b,
    stored,
    warnings,
    [Symbol.asyncDispose]: () => stack.disposeAsync(),
  };
}

const { signal } = new AbortController();
const nowS = () => Date.now() / 1_000;
const clock = { nowS, steadyS: () => nowS };

/** The log shows the task as open now. */
function foundOpen(task: TaskState): Change {
  assert.ok(isOpen(task));
  const answer = {
    status: "open",
    task,
    by: "log",
    asOf: elapsedMs(),
  } as const;
  return { kind: "found", answer };
}

const textOf = (chunks: readonly TokenChunk[]) =>
  chunks.map(({ text }) => text).join("");

for (const version of await natsVersions())
  describe(`live text, the ${version} nats-server`, () => {
    test("leaves in numbered chunks, joined by their offsets, once the start is recorded", async () => {
      await using system = await open(version);
      const live = system.a.live();
      live.say("a😀");
      live.say("b");
      // As far as the broker; what was sent before is there by then.
      await system.a.broker.nc.flush();
      assert.deepEqual(await system.stored(), []);
      live.open();
      await eventually(async () => (await system.stored()).length > 0);
      assert.equal(textOf(await system.stored()), "a😀b");
      for (let i = 0; i < 300; i++) {
        live.say(`${i} `);
        if (i % 10 === 0) await system.a.broker.nc.flush();
      }
      const whole =
        "a😀b" + Array.from({ length: 300 }, (_, i) => `${i} `).join("");
      const all = await eventually(async () => {
        const chunks = await system.stored();
        return textOf(chunks) === whole && chunks;
      });
      let offset = 0;
      for (const [i, chunk] of all.entries()) {
        assert.deepEqual([chunk.n, chunk.offset], [i + 1, offset]);
        offset += chunk.text.length;
      }
      assert.equal(all.at(-1)?.completion_tokens, 302);
      assert.equal(all.at(-1)?.prompt_tokens, 5);
      // Text gathers while a chunk is under way.
      assert.ok(all.length < 150);
      await live.close();
    });

    test("of a task that ends by then never leaves", async () => {
      await using system = await open(version);
      const live = system.a.live();
      live.open();
      live.say("all of it");
      await live.close();
      live.say("late");
      await system.a.broker.nc.flush();
      assert.deepEqual(await system.stored(), []);
    });

    test("that is refused interrupts the task, and no more of it leaves", async () => {
      await using system = await open(version);
      const { a, b } = system;
      const live = a.live();
      live.open();
      live.say("one");
      await eventually(async () => (await system.stored()).length > 0);
      const claim = await b.lock.claim(b.inHand, 2);
      assert.equal(claim.kept.text, "one");
      live.say(" late");
      await eventually(() => reasonOf(a.inHand) === "taken");
      live.say(" later");
      await live.close();
      const next = b.live(claim);
      next.open();
      next.say(" two");
      await eventually(async () => (await system.stored()).length === 3);
      assert.equal(textOf(await system.stored()), "one two");
      assert.equal(reasonOf(b.inHand), undefined);
    });

    for (const lost of ["request", "answer"] as const)
      test(`goes on where the ${lost} was lost, without a repeat`, async () => {
        await using system = await open(version);
        const { a } = system;
        const live = a.live();
        live.open();
        live.say("one");
        await eventually(async () => (await system.stored()).length > 0);
        a.loseNext(lost);
        live.say(" two");
        await eventually(async () => (await system.stored()).length === 2);
        live.say(" three");
        const chunks = await eventually(async () => {
          const all = await system.stored();
          return textOf(all) === "one two three" && all;
        });
        assert.deepEqual(
          chunks.map(({ n }) => n),
          [1, 2, 3],
        );
        assert.equal(reasonOf(a.inHand), undefined);
        await live.close();
      });

    test("that may be stored or not is lost to the one who wrote meanwhile", async () => {
      await using system = await open(version);
      const { a, b } = system;
      const live = a.live();
      live.open();
      live.say("one");
      await eventually(async () => (await system.stored()).length > 0);
      a.loseNext("all requests");
      live.say(" two");
      await b.lock.claim(b.inHand, 2);
      a.loseNext(undefined);
      await eventually(() => reasonOf(a.inHand) === "taken");
      await live.close();
      assert.equal(textOf(await system.stored()), "one");
    });

    test("that may be stored or not holds no end up, and leaves a doubt that the log has to clear", async () => {
      await using system = await open(version);
      const { a } = system;
      const live = a.live();
      live.open();
      live.say("one");
      await eventually(async () => (await system.stored()).length > 0);
      a.loseNext("all requests");
      live.say(" two");
      const start = started(a.inHand.state.task, 1, "a", 1);
      a.inHand.change({
        kind: "recorded",
        event: { ...start, seq: 2, time: 1 },
      });
      await eventually(() => a.puts() >= 2);
      const { task } = a.inHand.state;
      a.inHand.change(foundOpen(task));
      await live.close();
      assert.equal(reasonOf(a.inHand), undefined);
      // Another worker has started it meanwhile.
      const again = started(task, 2, "b", 1);
      const later = evolve(task, { ...again, seq: 3, time: 1 });
      assert.ok(later && isOpen(later));
      const asOf = elapsedMs();
      const record = a.record(() =>
        Promise.resolve({ status: "open", task: later, by: "log", asOf }),
      );
      const outcome = expired(task, "a", 2);
      await assert.rejects(record.conclude(a.inHand, outcome));
      assert.equal(reasonOf(a.inHand), "superseded");
      const { state } = await a.broker.jsm.streams.info(streams.events);
      assert.equal(state.messages, 0);
    });

    for (const waits of ["engine", "lock on it"] as const)
      test(`is in the outcome of a task whose time is over while it waits for the ${waits}`, async () => {
        await using system = await open(version, { timeout_ms: 200 });
        const { a, b } = system;
        const live = a.live();
        live.open();
        live.say("one");
        await eventually(async () => (await system.stored()).length > 0);
        const engineLock = makeReadWriteLock();
        const { signal } = b.inHand;
        if (waits === "lock on it") await engineLock.acquire(true, signal);
        const attempt = makeAttempt({
          running: makeRunningTasks(() => 0),
          broker: b.broker,
          lock: b.lock,
          clock,
          engineLock,
          stopping: signal,
          record: b.record(() => Promise.reject(new Error("not asked"))),
          limits: {
            workerId: "b",
            ackWaitMs: 3_600_000,
            drainTimeoutMs: 3_600_000,
          },
          engine: {
            state: () => ({ status: "starting" }),
            whenReady: (patience) =>
              orAborted(new Promise<never>(() => undefined), patience),
            generate: () => Promise.reject(new Error("not asked")),
          },
          log: { warn: () => undefined } as unknown as Logger,
        });
        const first = started(b.inHand.state.task, 1, "a", nowS());
        b.inHand.change({
          kind: "recorded",
          event: { ...first, seq: 2, time: 1 },
        });
        const { task } = b.inHand.state;
        b.inHand.change(foundOpen(task));
        const plan = { attempt: 2, alone: true };
        assert.deepEqual(await attempt(b.inHand, plan), { kind: "done" });
        const [outcome] = await readLog(b.broker);
        assert.ok(outcome?.type === "GenerateFailed");
        assert.equal(outcome.data.error.type, "TimeoutError");
        assert.equal(outcome.data.partial_text, "one");
      });

    test("is claimed by one of two, and by nobody who comes second", async () => {
      await using system = await open(version);
      const { a, b } = system;
      const claims = await Promise.allSettled([
        a.lock.claim(a.inHand, 2),
        b.lock.claim(b.inHand, 2),
      ]);
      const interrupted = [a, b].map(({ inHand }) => reasonOf(inHand));
      const [won] = claims.filter(({ status }) => status === "fulfilled");
      assert.ok(won?.status === "fulfilled");
      assert.deepEqual(won.value.kept, keptNothing);
      // The second one may have read after the first one's marker, and then has taken the task over from it.
      const lost = claims.filter(({ status }) => status === "rejected").length;
      assert.equal(interrupted.filter((why) => why === "taken").length, lost);
      const markers = await system.stored();
      // The one that lost may have heard too late that its own marker was stored.
      assert.ok(markers.length === 2 || (markers.length === 1 && lost === 1));
      const last = markers.at(-1)?.worker_id === "a" ? claims[0] : claims[1];
      assert.equal(last.status, "fulfilled");
      assert.ok(markers.every(({ n, offset }) => n === 0 && offset === 0));
    });

    test("with a hole is started over", async () => {
      await using system = await open(version);
      const { a, b } = system;
      const live = a.live();
      live.open();
      for (const text of ["one", " two"]) {
        live.say(text);
        await eventually(async () =>
          textOf(await system.stored()).endsWith(text),
        );
      }
      await a.broker.jsm.streams.deleteMessage(streams.tokens, 1);
      const { kept } = await b.lock.claim(b.inHand, 2);
      assert.deepEqual(kept, keptNothing);
      assert.equal((await system.stored()).at(-1)?.offset, 0);
    });

    test("that the stream does not take holds nothing up, and is told of once", async () => {
      await using system = await open(version);
      const { a } = system;
      await a.broker.jsm.streams.delete(streams.tokens);
      const [one, two] = [a.live(), a.live()];
      for (const live of [one, two]) {
        live.open();
        live.say("text");
      }
      await eventually(() => system.warnings.length > 0);
      await Promise.all([one.close(), two.close()]);
      const claim = await a.lock.claim(a.inHand, 2);
      assert.deepEqual(claim, {
        attempt: 2,
        kept: keptNothing,
        seq: undefined,
      });
      const three = a.live(claim);
      three.open();
      three.say("text");
      await three.close();
      assert.equal(system.warnings.length, 1);
      assert.equal(reasonOf(a.inHand), undefined);
    });
  });

test("a part of a text has whole characters", () => {
  assert.equal(firstPart("ab", 5), "ab");
  assert.equal(firstPart("a😀b", 3), "a😀");
  assert.equal(firstPart("a😀b", 2), "a");
});
