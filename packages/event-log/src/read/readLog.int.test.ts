import { streams } from "@jetscribe/schema";
import { eventually, natsVersions } from "@jetscribe/testing";
import assert from "node:assert/strict";
import { once } from "node:events";
import { readFileSync } from "node:fs";
import {
  setImmediate as turn,
  setTimeout as sleep,
} from "node:timers/promises";
import { describe, test } from "vitest";
import { appendUntilStored } from "../append/append.ts";
import type { Broker } from "../broker/connection.ts";
import type { Delivery } from "./pull.ts";
import { followStream, scan, type Following } from "./readLog.ts";
import {
  openLog,
  queue,
  requestedBy,
  standStill,
  waysOfReading,
  type Log,
} from "../../test/eventLogTestKit.ts";

/** A follower that keeps its place, as a projection does. */
function follow(broker: Broker, options: Partial<Following> = {}, from = 1) {
  const stop = new AbortController();
  const read: Delivery[] = [];
  const interruptions: unknown[] = [];
  const done = followStream(
    broker,
    {
      stream: streams.events,
      resume: () => Promise.resolve((read.at(-1)?.seq ?? from - 1) + 1),
      onBatch: (messages) => void read.push(...messages),
      onInterruption: (error) => interruptions.push(error),
      ...options,
    },
    stop.signal,
  );
  return {
    read,
    interruptions,
    seqs: () => read.map(({ seq }) => seq),
    async stop() {
      stop.abort();
      await done;
    },
    [Symbol.asyncDispose]() {
      stop.abort();
      return done;
    },
  };
}

const upTo = (last: number, first = 1) =>
  Array.from({ length: last - first + 1 }, (_, at) => first + at);

/** By the kernel's word (`T` is a stopped process). */
const isStopped = (pid: number) =>
  /^State:\s+T/m.test(readFileSync(`/proc/${pid}/status`, "utf8"));

const readersOf = async ({ broker }: Log) =>
  (await broker.jsm.consumers.list(streams.events).next()).length;

for (const version of await natsVersions())
  describe(`readLog, the ${version} nats-server`, () => {
    test("a scan reads what stands there, and ends", async () => {
      await using log = await openLog(version);
      const seqsFrom = async (seq: number, filter?: string) => {
        const seqs: number[] = [];
        await scan(
          log.broker,
          { stream: streams.events, from: { seq }, ...(filter && { filter }) },
          (message) => {
            seqs.push(message.seq);
            return false;
          },
        );
        return seqs;
      };
      assert.deepEqual(await seqsFrom(1), []);
      await log.request(1_200);
      await log.request(10, { ...queue, owner: "b" });
      assert.deepEqual(await seqsFrom(1), upTo(1_210));
      assert.deepEqual(await seqsFrom(1_200), upTo(1_210, 1_200));
      assert.deepEqual(
        await seqsFrom(1, "llm.events.requested.*.*.b"),
        upTo(1_210, 1_201),
      );
      assert.deepEqual(await seqsFrom(5_000), []);
      await eventually(async () => (await readersOf(log)) === 0);
    });

    test("several subjects are all that is read; an old server sends everything", async () => {
      await using log = await openLog(version);
      const owners = ["a", "b", "c"];
      for (const owner of owners) await log.request(2, { ...queue, owner });
      const isOld = /^2\.[0-9]\./.test(log.broker.serverVersion);
      const begun: number[] = [];
      await using follower = follow(log.broker, {
        filter: ["a", "c"].map((owner) => `llm.events.requested.*.*.${owner}`),
        onBegin: (pending) => begun.push(pending),
      });
      await log.request(1, { ...queue, owner: "c" });
      await eventually(() => follower.seqs().includes(7));
      assert.deepEqual(follower.seqs(), isOld ? upTo(7) : [1, 2, 5, 6, 7]);
      const [pending = 0] = begun;
      assert.ok(pending >= (isOld ? 6 : 4), `${pending} stood before it`);
    });

    test("a scan begins at a time, and ends where it has found", async () => {
      await using log = await openLog(version);
      await log.request(5);
      await sleep(20);
      const timeMs = Date.now();
      await log.request(5);
      const seen: number[] = [];
      const scanFrom = (ms: number) =>
        scan(
          log.broker,
          { stream: streams.events, from: { timeMs: ms }, headersOnly: true },
          ({ seq, data }) => {
            assert.equal(data.length, 0);
            seen.push(seq);
            return seq === 7;
          },
        );
      await scanFrom(timeMs);
      assert.deepEqual(seen, [6, 7]);
      await scanFrom(timeMs + 3_600_000);
      assert.deepEqual(seen, [6, 7]);
    });

    test("a scan is cut by its signal and by the loss of the broker", async () => {
      await using log = await openLog(version);
      await log.request(5);
      const reading = { stream: streams.events, from: { seq: 1 } };
      // Several batches, so that a later one is asked of a broker that says nothing any more; it runs on for a moment.
      await log.request(5_000);
      const freeze = () => {
        const { pid } = log.nats;
        // Without this a message that comes after its end would stop the process group of the tests.
        if (pid !== undefined) process.kill(pid, "SIGSTOP");
        return false;
      };
      const over = AbortSignal.timeout(300);
      await assert.rejects(scan(log.broker, reading, freeze, over), {
        name: "TimeoutError",
      });
      // Nor does the making of a reader wait longer than it may.
      const soon = AbortSignal.timeout(100);
      await assert.rejects(scan(log.broker, reading, freeze, soon), {
        name: "TimeoutError",
      });
      await log.nats.kill("SIGCONT");
      const cut = assert.rejects(scan(log.broker, reading, freeze), /cut/);
      await eventually(() => log.nats.pid && isStopped(log.nats.pid));
      await log.nats.kill("SIGKILL");
      await cut;
    });

    test("a scan of which something is missing in the end is no scan", async () => {
      await using log = await openLog(version);
      // Several batches: the server may take up the next pull before the purge.
      await log.request(5_000);
      const reading = { stream: streams.events, from: { seq: 1 } };
      // What a server that is stopping does: it says that there is nothing more.
      let read = 0;
      const removeTheRest = () => {
        if (++read === 1) void log.broker.jsm.streams.purge(streams.events);
        return false;
      };
      await assert.rejects(scan(log.broker, reading, removeTheRest), /cut/);
      assert.ok(read < 5_000);
    });

    for (const [way, toReader] of Object.entries(waysOfReading))
      test(`a scan ${way} while the broker stops reads everything or rejects`, async () => {
        await using log = await openLog(version);
        await log.request(1_500);
        const reading = { stream: streams.events, from: { seq: 1 } };
        let [whole, cut] = [0, 0];
        for (
          let round = 0;
          round < (way === "by a consumer" ? 6 : 2);
          round++
        ) {
          const broker = toReader(await log.connect());
          let stopped = false;
          const scanAgain = async () => {
            let ended: boolean;
            // Without a connection each is cut at once, and the process would come to nothing else: the first is the last.
            do {
              let read = 0;
              const count = () => ++read > 1_500;
              const done = scan(broker, reading, count);
              ended = await done.then(() => true, () => false); // prettier-ignore
              if (ended) assert.equal(read, 1_500);
              if (ended) whole++;
              else cut++;
            } while (!stopped && (ended || broker.connected));
          };
          const scans = Promise.all([scanAgain(), scanAgain(), scanAgain()]);
          const goal = whole + 3;
          await eventually(() => whole >= goal, { everyMs: 1 });
          await log.nats.kill("SIGTERM");
          stopped = true;
          await log.nats.restart();
          await scans;
        }
        assert.ok(whole > 0 && cut > 0);
      });

    test("an event over the bytes of a pull stops no follower", async () => {
      await using log = await openLog(version, {}, { maxPayload: "64MB" });
      const huge = () =>
        requestedBy(queue, { prompt: "x".repeat(30 * 2 ** 20) });
      await log.request(2);
      await log.append(huge());
      await log.request(2);
      await using follower = follow(log.broker);
      await eventually(() => follower.read.length >= 5);
      await log.append(huge());
      await log.request(1);
      await eventually(() => follower.read.length >= 7);
      // A busy machine may take such an event for longer than a silence may last: the reader is then made anew.
      assert.deepEqual(follower.seqs(), upTo(7));
    });

    test("a follower gets each message once, in order, also those to come, and knows when it caught up", async () => {
      await using log = await openLog(version);
      await log.request(700);
      await using follower = follow(log.broker, {}, 101);
      await eventually(() => follower.read.length === 600);
      assert.equal(follower.read.at(-1)?.pending, 0);
      assert.ok((follower.read[0]?.pending ?? 0) > 0);
      await log.request(1);
      await eventually(() => follower.read.length === 601);
      await log.request(300);
      await eventually(() => follower.read.length === 901);
      assert.deepEqual(follower.seqs(), upTo(1_001, 101));
      await follower.stop();
      await eventually(async () => (await readersOf(log)) === 0);
    });

    for (const [way, toReader] of Object.entries(waysOfReading))
      test(`nothing is missed or doubled ${way} over SIGKILL and restart of the broker`, async () => {
        await using log = await openLog(version);
        await using follower = follow(toReader(log.broker));
        await log.request(500);
        await eventually(() => follower.read.length > 0);
        const { signal } = new AbortController();
        const appending = Array.from({ length: 500 }, () =>
          appendUntilStored(
            log.broker,
            log.appender,
            requestedBy(queue),
            queue,
            {
              signal,
            },
          ),
        );
        await log.nats.kill("SIGKILL");
        await log.nats.restart();
        await Promise.all(appending);
        await eventually(() => follower.read.at(-1)?.seq === 1_000);
        assert.deepEqual(follower.seqs(), upTo(1_000));
        assert.ok(follower.interruptions.length > 0);
      });

    for (const who of ["this process", "the whole machine"])
      test(`that ${who} stood still is no interruption`, async () => {
        await using log = await openLog(version);
        await using follower = follow(log.broker);
        await log.request(1);
        await eventually(() => follower.read.length === 1);
        const tell = (word: "SIGSTOP" | "SIGCONT") =>
          who === "the whole machine" &&
          process.kill(log.nats.pid ?? assert.fail(), word);
        // Longer than the broker may be silent.
        await standStill(5_000, () => tell("SIGSTOP"));
        // The sweep comes before what the broker says then is read.
        await turn();
        tell("SIGCONT");
        await log.request(1);
        await eventually(() => follower.read.length === 2);
        assert.deepEqual(follower.interruptions, []);
      });

    test("a batch that is rejected comes again", async () => {
      await using log = await openLog(version);
      await log.request(50);
      let failures = 0;
      const read: number[] = [];
      await using _follower = follow(log.broker, {
        resume: () => Promise.resolve((read.at(-1) ?? 0) + 1),
        onBatch: async (messages) => {
          await sleep(1);
          if (failures++ === 0) throw new Error("not now");
          read.push(...messages.map(({ seq }) => seq));
        },
      });
      await eventually(() => read.length >= 50);
      assert.deepEqual(read, upTo(50));
    });

    test("a batch gathers up to a message that is urgent, and what comes with it holds nothing up", async () => {
      await using log = await openLog(version);
      const batches: number[][] = [];
      const taken = Promise.withResolvers<void>();
      await using _follower = follow(log.broker, {
        gather: { ms: 600_000, until: ({ seq }) => seq % 3 === 0 },
        onBatch: async (messages) => {
          batches.push(messages.map(({ seq }) => seq));
          await taken.promise;
        },
      });
      await log.request(3);
      await eventually(() => batches.length === 1);
      await log.request(4);
      // Once the last one has arrived too, by another reader's word.
      await using other = follow(log.broker);
      await eventually(() => other.read.length === 7);
      taken.resolve();
      await eventually(() => batches.length === 2);
      assert.deepEqual(batches[0], [1, 2, 3]);
      assert.deepEqual(batches[1]?.slice(0, 3), [4, 5, 6]);
    });

    test("a batch in which nothing is urgent gathers for its time", async () => {
      await using log = await openLog(version);
      await using follower = follow(log.broker, {
        gather: { ms: 20, until: () => false },
      });
      await log.request(5);
      await eventually(() => follower.read.length === 5);
    });

    test("a reader that was deleted, or a resume that fails, is an interruption and no end", async () => {
      await using log = await openLog(version);
      await log.request(5);
      let asked = 0;
      await using follower = follow(log.broker, {
        resume: () =>
          asked++ === 0
            ? Promise.reject(new Error("no checkpoint"))
            : Promise.resolve((follower.read.at(-1)?.seq ?? 0) + 1),
      });
      await eventually(() => follower.read.length === 5);
      const [reader] = await log.broker.jsm.consumers
        .list(streams.events)
        .next();
      await log.broker.jsm.consumers.delete(streams.events, reader?.name ?? "");
      await eventually(() => asked >= 3);
      await log.request(5);
      await eventually(() => follower.read.length === 10);
      assert.deepEqual(follower.seqs(), upTo(10));
      assert.ok(follower.interruptions.length >= 2);
    });

    test("where the log's head is gone, the first sequence says so", async () => {
      await using log = await openLog(version);
      await log.request(100);
      await log.broker.jsm.streams.purge(streams.events, { seq: 51 });
      await using follower = follow(log.broker, {}, 11);
      await eventually(() => follower.read.length === 50);
      assert.deepEqual(follower.seqs(), upTo(100, 51));
    });

    test("a slow reader is sent no more than it takes, and misses nothing", async () => {
      await using log = await openLog(version);
      const total = 50_000;
      for (let at = 0; at < total; at += 1_000) await log.request(1_000);
      await using reader = await log.connect();
      const released = Promise.withResolvers<void>();
      let taken = 0;
      let last = 0;
      let largest = 0;
      await using _follower = follow(reader, {
        resume: () => Promise.resolve(last + 1),
        onBatch: async (messages) => {
          for (const { seq } of messages) assert.equal(seq, ++last);
          largest = Math.max(largest, messages.length);
          taken += messages.length;
          await released.promise;
        },
      });
      // While the first batch is held, messages come until the buffer is full, and then no more.
      await eventually(() => taken > 0);
      let before = -1;
      await eventually(
        () => {
          const { inMsgs } = reader.nc.stats();
          const still = inMsgs === before;
          before = inMsgs;
          return still;
        },
        { everyMs: 200 },
      );
      assert.ok(before < 3 * 512, `${before} messages came`);
      released.resolve();
      await eventually(() => taken === total);
      assert.equal(last, total);
      assert.ok(largest <= 2 * 512);
    });

    test("large messages pass too", async () => {
      await using log = await openLog(version);
      const prompt = "x".repeat(log.broker.maxPayload - 2_000);
      for (let at = 0; at < 5; at++)
        await log.append(requestedBy(queue, { prompt }));
      await using follower = follow(log.broker);
      // A busy machine may take one for longer than a silence may last: the reader is then made anew.
      await eventually(() => follower.read.length >= 5);
      assert.deepEqual(follower.seqs(), upTo(5));
    });
  });

test("an abort ends it after the batch in hand", async () => {
  await using log = await openLog();
  await log.request(5);
  const inBatch = Promise.withResolvers<void>();
  const release = Promise.withResolvers<void>();
  const follower = follow(log.broker, {
    onBatch: async () => {
      inBatch.resolve();
      await release.promise;
    },
  });
  await inBatch.promise;
  let ended = false;
  const ending = follower.stop().then(() => (ended = true));
  await once(AbortSignal.timeout(50), "abort");
  assert.equal(ended, false);
  release.resolve();
  await ending;
});

test("an abort ends it while it is being resumed too, and is no interruption", async () => {
  await using log = await openLog();
  const asked = Promise.withResolvers<void>();
  const follower = follow(log.broker, {
    resume: () => {
      asked.resolve();
      return new Promise(() => undefined);
    },
  });
  await asked.promise;
  await follower.stop();
  assert.deepEqual(follower.interruptions, []);
});
