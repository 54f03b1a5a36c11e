import { newTaskId, type EventType } from "@jetscribe/schema";
import {
  cancelled,
  failed,
  requested,
  retried,
} from "@jetscribe/schema/test/taskEventsTestKit";
import { eventually, natsVersions } from "@jetscribe/testing";
import assert from "node:assert/strict";
import { describe, test } from "vitest";
import {
  completed,
  openLog,
  queue,
  settings,
  started,
  waysOfReading,
  type Log,
} from "../../test/eventLogTestKit.ts";
import { ensureTopology } from "../streams/topology.ts";
import type { EventFilter } from "./eventFilter.ts";
import {
  LogReplacedError,
  rangeOf,
  replayLog,
  type Replay,
} from "./replayLog.ts";

const never = new AbortController().signal;

async function seqsOf(
  { broker }: Log,
  filter: EventFilter = {},
  wanted = {},
): Promise<number[]> {
  const seqs: number[] = [];
  const range = await rangeOf(broker, wanted);
  const onBatch: Replay["onBatch"] = (events) =>
    void seqs.push(...events.map(({ message }) => message.seq));
  await replayLog(broker, { range, filter, onBatch }, never);
  return seqs;
}

const b = { model: "other-model", lane: "batch", owner: "b" } as const;

/** Two owners, two models, two users, and every type of event. */
async function fill(log: Log) {
  const [x, y, z] = [newTaskId(), newTaskId(), newTaskId()];
  await log.append(requested(x, { user_id: "ada %20" })); // 1
  await log.append(requested(y, { ...b, user_id: "bob" }), b); // 2
  await log.append(requested(z)); // 3
  await log.append(started(x)); // 4
  await log.append(retried(x)); // 5
  await log.append(started(y), b); // 6
  await log.append(failed(y), b); // 7
  await log.append(started(x, 2)); // 8
  await log.append(completed(x, 2)); // 9
  await log.append(cancelled(z)); // 10
  await log.append(started(x, 3)); // 11: of a task that has ended
  return { x };
}

for (const [version, [way, toReader]] of (await natsVersions()).flatMap(
  (version) =>
    Object.entries(waysOfReading).map((way) => [version, way] as const),
))
  describe(`a replay of the log ${way}, the ${version} nats-server`, () => {
    const open = async () => {
      const log = await openLog(version);
      return { ...log, broker: toReader(log.broker) };
    };

    test("keeps to every filter, and to all of them together", async () => {
      await using log = await open();
      const { x } = await fill(log);
      const [ada, bob] = [{ user_id: "ada %20" }, { user_id: "bob" }];
      const types = (...names: EventType[]) => ({ types: names });
      const cases: [EventFilter, { after?: number }, number[]][] = [
        [{}, {}, [1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11]],
        [{ owner: "a" }, {}, [1, 3, 4, 5, 8, 9, 10, 11]],
        [{ model: "other-model" }, {}, [2, 6, 7]],
        [ada, {}, [1, 4, 5, 8, 9]],
        [ada, { after: 4 }, [5, 8, 9]],
        [{ ...ada, ...types("GenerateStarted") }, { after: 1 }, [4, 8]],
        [{ ...bob, owner: "a" }, {}, []],
        [types("GenerateFailed", "GenerateCancelled"), {}, [7, 10]],
        [{ owner: "b", ...types("GenerateStarted") }, {}, [6]],
        [{ lane: "batch" }, {}, [2, 6, 7]],
        [{ task_id: x }, {}, [1, 4, 5, 8, 9, 11]],
        [{ task_id: x, ...types("GenerateStarted") }, {}, [4, 8, 11]],
        [{ task_id: x, owner: "b" }, {}, []],
        [{ user_id: "nobody" }, {}, []],
        [{ owner: "nobody" }, {}, []],
        [{}, { after: 10 }, [11]],
        [{}, { after: 11 }, []],
      ];
      for (const [filter, wanted, seqs] of cases) {
        const what = JSON.stringify({ ...filter, ...wanted });
        assert.deepEqual(await seqsOf(log, filter, wanted), seqs, what);
      }
    });

    test("has the requests of groups, by any filter", async () => {
      await using log = await open();
      const [x, y] = [newTaskId(), newTaskId()];
      const group = { group: "nightly" };
      await log.append(requested(x, group), { ...queue, ...group }); // 1
      await log.append(requested(y)); // 2
      await log.append(started(x)); // 3
      for (const filter of [{}, { model: queue.model }, { owner: queue.owner }])
        assert.deepEqual(await seqsOf(log, filter), [1, 2, 3]);
      const types = ["GenerateRequested"] as const;
      assert.deepEqual(await seqsOf(log, { types }), [1, 2]);
      assert.deepEqual(await seqsOf(log, { model: "other" }), []);
    });

    test("knows times that the broker has no number for", async () => {
      await using log = await open();
      await log.request(2);
      for (const ms of [Date.UTC(1479), -1e16, 0])
        for (const [wanted, seqs] of [
          [{ fromMs: ms }, [1, 2]],
          [{ toMs: ms }, []],
        ] as const)
          assert.deepEqual(await seqsOf(log, {}, wanted), seqs);
      for (const ms of [Date.UTC(2999), 1e16])
        for (const [wanted, seqs] of [
          [{ fromMs: ms }, []],
          [{ toMs: ms }, [1, 2]],
        ] as const)
          assert.deepEqual(await seqsOf(log, {}, wanted), seqs);
    });

    test("looks back for a user's open tasks, and says when it has", async () => {
      await using log = await open();
      await fill(log);
      const range = await rangeOf(log.broker, { after: 8 });
      const calls: (number | string)[] = [];
      await replayLog(
        log.broker,
        {
          range,
          filter: { user_id: "ada %20" },
          onLookBack: (seq) => void calls.push(seq),
          onBatch: () => void calls.push("batch"),
        },
        never,
      );
      assert.deepEqual(calls.slice(0, 9), [1, 2, 3, 4, 5, 6, 7, 8, 9]);
      assert.deepEqual([...new Set(calls.slice(9))], ["batch"]);
    });

    test("tells of what the log drops before it was read", async () => {
      for (const [filter, last] of [
        [{}, 6_001],
        // The log's last event is another's.
        [{ owner: queue.owner }, 6_000],
      ] as const) {
        await using log = await open();
        await log.request(6_000);
        await log.append(requested(newTaskId(), b), b);
        const seqs: number[] = [];
        const drops: [number, number][] = [];
        let waiting = NaN;
        await replayLog(
          log.broker,
          {
            range: await rangeOf(log.broker, {}),
            filter,
            async onBatch(events, _, pending) {
              waiting = pending;
              if (seqs.length === 0)
                await log.broker.jsm.streams.purge("EVENTS", { seq: 3_001 });
              seqs.push(...events.map(({ message }) => message.seq));
            },
            onDropped: (...drop) => void drops.push(drop),
          },
          never,
        );
        const at = seqs.indexOf(3_001);
        const before = seqs[at - 1] ?? 0;
        assert.equal(waiting, 0);
        assert.deepEqual(drops, [[3_000 - before, 3_001]]);
        assert.deepEqual(
          seqs,
          Array.from({ length: last }, (_, i) => i + 1).filter(
            (seq) => seq <= before || seq > 3_000,
          ),
        );
      }
    });

    test("of a range without an end goes on, and takes no more while a batch is worked on", async () => {
      await using log = await open();
      await log.request(4_000);
      const range = await rangeOf(log.broker, {});
      const stop = new AbortController();
      const [entered, goOn] = [
        Promise.withResolvers<void>(),
        Promise.withResolvers<void>(),
      ];
      let batches = 0;
      let read = 0;
      const replaying = replayLog(
        log.broker,
        {
          range: { ...range, last: Infinity },
          onBatch: async (events) => {
            batches++;
            entered.resolve();
            await goOn.promise;
            read += events.length;
          },
        },
        stop.signal,
      );
      await entered.promise;
      await log.request(1); // What is on its way meanwhile comes before the answer to this.
      assert.equal(batches, 1);
      goOn.resolve();
      await log.request(1);
      await eventually(() => read === 4_002);
      stop.abort();
      await assert.rejects(replaying, { name: "AbortError" });
    });

    test("ends where the log is another one after the broker was away", async () => {
      await using log = await open();
      await log.request(5);
      const range = await rangeOf(log.broker, {});
      let read = 0;
      const replaying = replayLog(
        log.broker,
        {
          range: { ...range, last: Infinity },
          onBatch: (events) => void (read += events.length),
        },
        never,
      );
      replaying.catch(() => undefined);
      await eventually(() => read === 5);
      await log.broker.jsm.streams.delete("EVENTS");
      await ensureTopology(log.broker, settings);
      await assert.rejects(replaying, LogReplacedError);
    });
  });

test("what the taker of a batch throws ends the replay", async () => {
  await using log = await openLog();
  await log.request(1);
  const range = await rangeOf(log.broker, {});
  const onBatch = () => Promise.reject(new Error("the disk is full"));
  await assert.rejects(
    replayLog(log.broker, { range, onBatch }, never),
    /the disk is full/,
  );
});
