/** Systems that share one account of one nats-server: none hears, reads or takes anything of another one. */
import { newTaskId } from "@jetscribe/schema";
import { eventually, natsVersions } from "@jetscribe/testing";
import assert from "node:assert/strict";
import { describe, test } from "vitest";
import { makeAppender } from "../append/append.ts";
import { makeBrokerClock } from "../broker/brokerClock.ts";
import type { Broker } from "../broker/connection.ts";
import { consumeWork } from "../work/consume.ts";
import {
  announceProjection,
  announceWorker,
  hearCancelled,
  hearProjections,
  hearStored,
  hearWake,
  hearWorkers,
  sendLogRecord,
  sendWake,
} from "../signals/signals.ts";
import { streamState } from "../broker/streamState.ts";
import {
  askTaskIndex,
  askTaskList,
  askStatistics,
  serveTaskIndex,
} from "../read/taskIndex.ts";
import {
  cancelled,
  findInLog,
  openLog,
  openTokenLog,
  queue,
  requestedBy,
  settings,
  type Log,
} from "../../test/eventLogTestKit.ts";
import { makeReadText } from "../tokens/textReader.ts";
import { hearTokens, lastToken } from "../tokens/tokens.ts";
import {
  ensureTopology,
  ensureWorkQueue,
  listWorkQueues,
  workQueueNames,
} from "./topology.ts";

/** Of three systems; the second and third names are each a part of the one before. */
const namespaces = [undefined, "llm", "llm-EVENTS"] as const;

async function openSystems(log: Log) {
  const brokers = await Promise.all(namespaces.map((one) => log.connect(one)));
  for (const broker of brokers) await ensureTopology(broker, settings);
  return brokers;
}

const flushAll = (brokers: readonly Broker[]) =>
  Promise.all(brokers.map(({ nc }) => nc.flush()));

for (const version of await natsVersions())
  describe(`three systems on one server, the ${version} nats-server`, () => {
    test("each worker takes the tasks of its own system, from work queues of its own", async () => {
      await using log = await openLog(version);
      const brokers = await openSystems(log);
      await using opened = new AsyncDisposableStack();
      const given = brokers.map((): string[] => []);
      for (const [i, broker] of brokers.entries()) {
        await ensureWorkQueue(broker, queue, { ackWaitMs: 60_000 });
        opened.use(
          consumeWork(broker, {
            model: queue.model,
            slots: () => 4,
            handle: ({ event }) => {
              given[i]?.push(event.data.task_id);
              return Promise.resolve({ kind: "done" });
            },
            onDiscarded: (because) => assert.fail(because),
            onStuck: () => assert.fail("stuck"),
          }),
        );
      }
      const asked = await Promise.all(
        brokers.map(async (broker) => {
          const appender = opened.use(makeAppender(broker, "test"));
          const events = Array.from({ length: 20 }, () => requestedBy(queue));
          for (const event of events) await appender.append(event, queue);
          return events.map(({ data }) => data.task_id);
        }),
      );
      await eventually(async () => {
        const all = await Promise.all(
          brokers.map((broker) => listWorkQueues(broker)),
        );
        return all.every(([one]) => one?.pending === 0 && one.ackPending === 0);
      });
      assert.deepEqual(given, asked);
      for (const broker of brokers) {
        assert.deepEqual(await workQueueNames(broker), [queue]);
        const { messages } = await streamState(broker, broker.streams.events);
        assert.equal(messages, 20);
        const all = await broker.jsm.consumers
          .list(broker.streams.events)
          .next();
        assert.deepEqual(
          all.filter(({ config }) => config.durable_name).map((c) => c.name),
          [broker.workConsumerName(queue)],
        );
      }
    });

    test("each hears the announcements, wake-ups and live feed of its own system", async () => {
      await using log = await openLog(version);
      const brokers = await openSystems(log);
      const { model } = queue;
      const heard = brokers.map((broker) => {
        const all: string[] = [];
        const note = (kind: string) => (id: string) =>
          void all.push(`${kind} ${id}`);
        hearWorkers(broker, (word) => note("worker")(word.worker_id));
        hearProjections(broker, (word) => note("projection")(word.name));
        hearWake(broker, model, ({ owner }) => note("wake")(owner));
        hearStored(broker, queue, ({ taskId }) => note("stored")(taskId));
        hearCancelled(broker, model, note("cancelled"));
        return all;
      });
      await flushAll(brokers);
      const expected: string[][] = [];
      for (const [i, broker] of brokers.entries()) {
        using appender = makeAppender(broker, "test");
        const name = String(i);
        announceWorker(broker, model, {
          ...{ worker_id: name, model, engine: "fake", model_loaded: true },
          ...{ slots: 1, tasks: [] },
        });
        announceProjection(broker, {
          ...{ name, instance: name, leading: true },
          ...{ seq: 0, caught_up: true },
        });
        sendWake(broker, { ...queue, owner: name });
        const id = newTaskId();
        await appender.append(cancelled(id), queue);
        expected.push([
          ...[`worker ${name}`, `projection ${name}`, `wake ${name}`],
          ...[`stored ${id}`, `cancelled ${id}`],
        ]);
      }
      await eventually(() => heard.every(({ length }) => length >= 5));
      await flushAll(brokers);
      assert.deepEqual(
        heard.map((all) => all.toSorted()),
        expected.map((all) => all.toSorted()),
      );
    });

    test("a question to the task index is answered by the index of its own system, or by none", async () => {
      await using log = await openLog(version);
      const brokers = await openSystems(log);
      const end = { created: "", lastSeq: 1 };
      const at = { created: "", position: 1 };
      const cursor = (seq: number) => String(seq).padStart(32, "0");
      const answers = () =>
        Promise.all(brokers.map((broker) => askTaskIndex(broker, "id", end)));
      const lists = () =>
        Promise.all(
          brokers.map(async (broker) => {
            const wanted = { owner: "a", limit: 1 };
            const page = await askTaskList(broker, end, wanted);
            return page && Number(page.cursor);
          }),
        );
      const serve = (broker: Broker, seq: number) =>
        serveTaskIndex(broker, {
          seqs: () => Promise.resolve({ ...at, seqs: [seq] }),
          list: () =>
            Promise.resolve({
              ...at,
              page: { tasks: [], cursor: cursor(seq) },
            }),
          moment: () => Promise.resolve(at),
          density: () => Promise.resolve(at),
          statistics: () =>
            Promise.resolve({ ...at, position: seq, parts: [] }),
        });
      const counts = () =>
        Promise.all(
          brokers.map(
            async (broker) =>
              (await askStatistics(broker, end, { parts: [] }))?.position,
          ),
        );
      // An index that is slow to answer counts as none.
      const shows = (ask: () => Promise<unknown[]>, expected: unknown[]) =>
        eventually(async () => {
          assert.deepEqual(await ask(), expected);
          return true;
        });
      const [first, ...others] = brokers;
      assert.ok(first);
      {
        using _serving = serve(first, 1);
        await flushAll(brokers);
        await shows(answers, [[1], undefined, undefined]);
        await shows(lists, [1, undefined, undefined]);
        await shows(counts, [1, undefined, undefined]);
      }
      using serving = new DisposableStack();
      others.forEach((broker, i) => serving.use(serve(broker, i + 2)));
      await flushAll(brokers);
      await shows(answers, [undefined, [2], [3]]);
      await shows(lists, [undefined, 2, 3]);
    });

    test("each log, its text and its records are one system's own", async () => {
      await using log = await openLog(version);
      const brokers = await openSystems(log);
      const event = requestedBy(queue);
      const { task_id: taskId } = event.data;
      const signal = AbortSignal.timeout(60_000);
      const [first] = brokers;
      assert.ok(first);
      const heard: number[] = [];
      brokers.forEach((broker, i) =>
        hearTokens(broker, taskId, () => heard.push(i)),
      );
      await flushAll(brokers);
      using appender = makeAppender(first, "test");
      using tokens = openTokenLog(first);
      await appender.append(event, queue);
      const chunk = {
        ...{ worker_id: "w", attempt: 1, n: 1 },
        ...{ offset: 0, text: "t", completion_tokens: 1, prompt_tokens: 1 },
      };
      const put = await tokens.put(taskId, chunk, 0);
      assert.equal(put.kind, "stored");
      assert.ok(sendLogRecord(first, "test", "{}"));
      await flushAll(brokers);
      const wanted = { task_id: taskId, owner: queue.owner };
      for (const [i, broker] of brokers.entries()) {
        const isOwn = i === 0;
        const found = await findInLog(broker, wanted);
        assert.equal(found?.task_id, isOwn ? taskId : undefined);
        const chunks = await makeReadText(broker)(taskId, signal);
        assert.equal(chunks.length, isOwn ? 1 : 0);
        const last = await lastToken(broker, taskId);
        assert.equal(last !== undefined, isOwn);
        const records = async () =>
          (await streamState(broker, broker.streams.logs)).messages;
        const before = await records();
        assert.equal(before, isOwn ? 1 : 0);
        // A clock is read off the system's own LOGS.
        using clock = await makeBrokerClock(broker, "test");
        assert.ok(clock.isRead());
        assert.ok((await records()) > before);
      }
      assert.deepEqual(heard, [0]);
    });
  });
