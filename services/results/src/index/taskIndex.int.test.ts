/** The task index on real brokers: what it answers, and that it never answers from a log that is no more. */
import { makeLogFollower } from "@jetscribe/event-log/state/followLog";
import { readHighWaterMark } from "@jetscribe/event-log/state/highWaterMark";
import { findInLog } from "@jetscribe/event-log/test/eventLogTestKit";
import {
  eventIdAt,
  streamState,
} from "@jetscribe/event-log/broker/streamState";
import {
  askStatistics,
  askTaskIndex,
  askTaskList,
} from "@jetscribe/event-log/read/taskIndex";
import { makeHeaders } from "@jetscribe/event-log/codec/headers";
import { decodeEvent, encodeEvent } from "@jetscribe/event-log/codec/codec";
import { scan } from "@jetscribe/event-log/read/readLog";
import { ensureTopology } from "@jetscribe/event-log/streams/topology";
import type { Logger } from "@jetscribe/runtime";
import {
  makeNames,
  newTaskId,
  streams,
  type TaskEvent,
} from "@jetscribe/schema";
import {
  eventually,
  natsVersions,
  startNats,
  startRedis,
  type TestServer,
} from "@jetscribe/testing";
import assert from "node:assert/strict";
import { cpSync, readdirSync, rmSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { setTimeout as sleep } from "node:timers/promises";
import { describe, test } from "vitest";
import { makeTaskIndex } from "./taskIndex.ts";
import { kept } from "../../test/indexTestKit.ts";
import {
  assertCounted,
  countedRows,
  type Told,
} from "../../test/statisticsTestKit.ts";
import {
  completed,
  openReader,
  openWriter,
  queue,
  requested,
  servers,
  settings,
  started,
  startResults,
  tempDir,
  type Writer,
} from "../../test/resultsTestKit.ts";

const { owner } = queue;

/** An id whose time is an hour ahead: the search in the log does not find its task, the index does. */
function idThatOnlyTheIndexFinds(): string {
  const ahead = (Date.now() + 3_600_000).toString(16).padStart(12, "0");
  return `${ahead.slice(0, 8)}-${ahead.slice(8)}${newTaskId().slice(13)}`;
}

const statusOf = async ({ broker }: Writer, task_id: string, of = owner) =>
  (await findInLog(broker, { task_id, owner: of }))?.status;

/** A busy machine may make the index late, and then the log is searched, which finds no id whose time is off. */
const untilFound = (writer: Writer, taskId: string, status: string) =>
  eventually(async () => (await statusOf(writer, taskId)) === status);

/** The tasks as they were at a moment of the past. */
async function idsAt({ broker }: Writer, at: number) {
  const wanted = { owner, limit: 100, at };
  const page = await askTaskList(
    broker,
    await readHighWaterMark(broker),
    wanted,
  );
  return page?.tasks.map(({ task_id }) => task_id);
}

/** Runs an index in this process until it is disposed of. */
function startIndex({ broker }: Writer, dir: string) {
  const said: string[] = [];
  const say = (_: object, message: string) => void said.push(message);
  const log = { info: say, warn: say } as unknown as Logger;
  const stop = new AbortController();
  const { feed, run } = makeTaskIndex(broker, { dir, kept, log });
  const done = run(stop.signal);
  return {
    feed,
    said,
    async [Symbol.asyncDispose]() {
      stop.abort();
      await done;
    },
  };
}

/** What the index says of a task, of the log as it is now. */
async function ask({ broker }: Writer, taskId: string, beyond = 0) {
  const end = await streamState(broker, streams.events);
  const lastSeq = end.lastSeq + beyond;
  return await askTaskIndex(broker, taskId, { ...end, lastSeq });
}

/** Where it is late it says nothing. */
const answer = (writer: Writer, taskId: string) =>
  eventually(() => ask(writer, taskId));

const untilAnswered = (writer: Writer) =>
  eventually(async () => (await ask(writer, newTaskId())) !== undefined);

/** The ways in which an index comes by what is in the log. */
const ways = [
  ["by a reader of its own", startIndex],
  ["fed by the projection", startFed],
] as const;

/** A results process whose projection leads, in front of a log that it has read to the end. */
async function startFed(writer: Writer, dir: string, nats: TestServer) {
  await using opened = new AsyncDisposableStack();
  const redis = opened.use(await startRedis());
  opened.use(startResults({ nats, redis }, { DATA_DIR: dir }));
  await untilAnswered(writer);
  await untilFed(writer);
  return opened.move();
}

async function open(version: (typeof versions)[number]) {
  await using opened = new AsyncDisposableStack();
  const nats = opened.use(await startNats({ version }));
  const dir = opened.use(tempDir());
  const writer = opened.use(await openWriter(nats.url));
  const all = opened.move();
  const dispose = () => all.disposeAsync();
  return { nats, dir: dir.path, writer, [Symbol.asyncDispose]: dispose };
}

/** Stores an event as a version did that wrote no metrics into headers. */
async function appendOld({ broker }: Writer, event: TaskEvent): Promise<void> {
  const { headers, subject, body } = encodeEvent(event, queue, {
    ...{ names: makeNames(), source: "test", now: new Date() },
  });
  const text = (headers as unknown as { encode(): Buffer }).encode().toString();
  const [, ...lines] = text.trimEnd().split("\r\n");
  const others = lines.filter((line) => !line.startsWith("ce-metrics"));
  assert.equal(others.length, lines.length - 1);
  await broker.nc.request(subject, body, {
    timeout: 30_000,
    headers: makeHeaders(others.map((line) => `${line}\r\n`).join("")),
  });
}

/** What the log holds. */
async function eventsIn({ broker }: Writer): Promise<Told[]> {
  const told: Told[] = [];
  const reading = { stream: streams.events, from: { seq: 1 } };
  await scan(broker, reading, (message) => {
    const decoded = decodeEvent(message);
    if ("event" in decoded) told.push(decoded);
    return false;
  });
  return told;
}

/** Holds the statistics of the log as it is now against a count of its events. */
async function assertStatistics(writer: Writer): Promise<void> {
  const told = await eventsIn(writer);
  const [first = 0, last = 0] = [told[0], told.at(-1)].map(
    (one) => one?.event.time,
  );
  const parts = [10, 60, 300, 3_600].map((step) => ({
    from: Math.floor(first / step) * step,
    to: Math.ceil((last + 1) / step) * step,
    step,
  }));
  const answer = await eventually(async () => {
    const end = await streamState(writer.broker, streams.events);
    return await askStatistics(writer.broker, end, { parts });
  });
  assert.equal(answer.time, told.at(-1)?.event.time);
  for (const part of answer.parts)
    assertCounted(part.rows, countedRows(told, part), part);
}

const store = ({ dataDir }: TestServer) => join(dataDir, "nats", "jetstream");

test("the results service answers by its index, also without Redis", async () => {
  await using on = await servers();
  await on.redis.kill();
  await using writer = await openWriter(on.nats.url);
  await using _ = startResults(on);
  await untilAnswered(writer);
  const id = idThatOnlyTheIndexFinds();
  await writer.append(requested(id));
  await untilFound(writer, id, "queued");
});

/** How many readers follow the log without its bodies: only an index that is not fed has one. */
async function ownReaders({ broker }: Writer): Promise<number> {
  const all = await broker.jsm.consumers.list(streams.events).next();
  return all.filter(({ config }) => config.headers_only).length;
}

const untilFed = (writer: Writer) =>
  eventually(async () => (await ownReaders(writer)) === 0);

/** Where each task's events stand, by the log itself. */
async function placesInLog({ broker }: Writer): Promise<Map<string, number[]>> {
  const places = new Map<string, number[]>();
  const reading = { stream: streams.events, from: { seq: 1 } };
  await scan(broker, reading, (message) => {
    const taskId = message.header("ce-subject");
    places.set(taskId, [...(places.get(taskId) ?? []), message.seq]);
    return false;
  });
  return places;
}

/** Stores lives until it is disposed of, also while the broker comes and goes. */
function keepWriting(writer: Writer) {
  let stopped = false;
  const writing = (async () => {
    while (!stopped) {
      await writer.lives(6).catch(() => undefined);
      await sleep(30);
    }
  })();
  return {
    async [Symbol.asyncDispose]() {
      stopped = true;
      await writing;
    },
  };
}

async function positionAt({ broker }: Writer, seq: number) {
  const { created } = await streamState(broker, streams.events);
  return { created, seq, id: (await eventIdAt(broker, seq)) ?? "" };
}

/** Feeds it from there on, with nothing new, until it is disposed of. */
function keepFed(
  index: ReturnType<typeof startIndex>,
  position: Awaited<ReturnType<typeof positionAt>>,
): Disposable {
  const feeding = setInterval(() => index.feed(position, []), 50);
  return { [Symbol.dispose]: () => clearInterval(feeding) };
}

const versions = await natsVersions();
for (const version of versions)
  describe(
    `the task index, the ${version} nats-server`,
    { concurrent: true },
    () => {
      test("a task is found in each of its states, whatever the time in its id, by its owner", async () => {
        await using on = await open(version);
        const { writer, dir } = on;
        await using _ = startIndex(writer, dir);
        await untilAnswered(writer);
        const id = idThatOnlyTheIndexFinds();
        assert.equal(await statusOf(writer, id), undefined);
        assert.deepEqual(await answer(writer, id), []);
        const first = await writer.append(requested(id));
        await untilFound(writer, id, "queued");
        await writer.lives(600);
        await writer.append(started(id));
        await untilFound(writer, id, "processing");
        const last = await writer.append(completed(id));
        await untilFound(writer, id, "completed");
        assert.equal(await statusOf(writer, id, "b"), undefined);
        assert.deepEqual(await answer(writer, id), [first, last - 1, last]);
      });

      for (const [way, start] of ways)
        test(`never missed right behind its PubAck, ${way}`, async () => {
          await using on = await open(version);
          const { writer, dir, nats } = on;
          await using _ = await start(writer, dir, nats);
          await untilAnswered(writer);
          for (let at = 0; at < 100; at++) {
            const id = newTaskId();
            const seq = await writer.append(requested(id));
            assert.deepEqual(await answer(writer, id), [seq]);
          }
        });

      test("a worker's look-up is answered by it, and needs no reader of its own", async () => {
        await using on = await open(version);
        const { writer, dir } = on;
        await using _ = startIndex(writer, dir);
        await untilAnswered(writer);
        const id = newTaskId();
        await writer.append(requested(id));
        const task = await findInLog(writer.broker, { task_id: id, owner });
        assert.ok(task);
        await writer.append(started(id));
        // Where a busy machine makes the index late, the worker reads the log itself.
        await eventually(async () => {
          await using follower = makeLogFollower(writer.broker);
          const end = await readHighWaterMark(writer.broker);
          const now = await follower.stateOf(task, end);
          assert.equal(now?.status, "processing");
          const readers = await writer.broker.jsm.consumers
            .list(streams.events)
            .next();
          assert.equal(readers.length, 1, "the index's own");
          return true;
        });
      });

      test("what it has not read it does not know", async () => {
        await using on = await open(version);
        const { writer, dir } = on;
        await using _ = startIndex(writer, dir);
        await untilAnswered(writer);
        assert.equal(await ask(writer, newTaskId(), 1), undefined);
        const end = await streamState(writer.broker, streams.events);
        const created = "another stream's";
        const other = { ...end, created };
        assert.equal(
          await askTaskIndex(writer.broker, newTaskId(), other),
          undefined,
        );
      });

      test("the next process goes on with the file; one that is broken or gone is built anew", async () => {
        await using on = await open(version);
        const { writer, dir } = on;
        const tasks: { id: string; seqs: number[] }[] = [];
        /** The file in each state is met by a process that comes, and by what was stored while there was none. */
        for (const [change, built] of [
          [() => undefined, 1],
          [() => undefined, 0],
          [
            () => writeFileSync(join(dir, "tasks-1.sqlite"), "x".repeat(9_000)),
            1,
          ],
          [() => rmSync(dir, { recursive: true }), 1],
        ] as const) {
          change();
          const id = newTaskId();
          const seqs = [await writer.append(requested(id))];
          await writer.lives(100);
          await using index = startIndex(writer, dir);
          await untilAnswered(writer);
          seqs.push(await writer.append(completed(id)));
          tasks.push({ id, seqs });
          for (const { id, seqs } of tasks)
            assert.deepEqual(await answer(writer, id), seqs);
          const says = index.said.filter((one) => one.startsWith("building"));
          assert.equal(says.length, built);
        }
      });

      for (const [way, start] of ways)
        test(`has statistics of all that the log holds, also of outcomes of earlier versions, ${way}`, async () => {
          await using on = await open(version);
          const { writer, dir, nats } = on;
          await writer.lives(30);
          const old = newTaskId();
          await writer.append(requested(old));
          await writer.append(started(old));
          await appendOld(writer, completed(old));
          await using _ = await start(writer, dir, nats);
          await untilAnswered(writer);
          await assertStatistics(writer);
          const next = newTaskId();
          await writer.append(requested(next));
          await appendOld(writer, completed(next));
          await writer.lives(30);
          await assertStatistics(writer);
        });

      test("two in one folder have a file each, and the one that is left answers", async () => {
        await using on = await open(version);
        const { writer, dir } = on;
        await using _first = startIndex(writer, dir);
        await untilAnswered(writer);
        const id = idThatOnlyTheIndexFinds();
        await writer.append(requested(id));
        {
          await using _second = startIndex(writer, dir);
          await eventually(() => readdirSync(dir).includes("tasks-2.sqlite"));
          for (let at = 0; at < 20; at++)
            await untilFound(writer, id, "queued");
        }
        await untilFound(writer, id, "queued");
      });

      for (const [way, start] of ways)
        test(`of a log that lost its tail it says nothing that was true before, ${way}`, async () => {
          await using on = await open(version);
          const { writer, dir, nats } = on;
          await using _ = await start(writer, dir, nats);
          await untilAnswered(writer);
          using snapshot = tempDir();
          const kept = idThatOnlyTheIndexFinds();
          const next = (await writer.append(requested(kept))) + 1;
          await nats.kill("SIGTERM");
          cpSync(store(nats), snapshot.path, { recursive: true });
          await nats.restart();
          await writer.broker.whenConnected();
          await eventually(() => writer.lives(60));
          await untilAnswered(writer);
          const lost = newTaskId();
          await writer.append(requested(lost));
          assert.equal(await statusOf(writer, lost), "queued");
          await eventually(
            async () => (await idsAt(writer, next)) !== undefined,
          );
          await nats.kill();
          rmSync(store(nats), { recursive: true });
          cpSync(snapshot.path, store(nats), { recursive: true });
          await nats.restart();
          await writer.broker.whenConnected();
          // At places that the index knows of already, under other ids.
          const late = newTaskId();
          await eventually(() => writer.append(requested(late)));
          assert.equal(await statusOf(writer, late), "queued");
          assert.equal(await statusOf(writer, lost), undefined);
          await eventually(async () => (await ask(writer, late))?.length === 1);
          await untilFound(writer, kept, "queued");
          await eventually(async () =>
            (await idsAt(writer, next))?.includes(late),
          );
        });

      test("fed by the projection it needs no reader; whatever stops that, it answers, and misses and doubles nothing", async () => {
        await using on = await servers(version);
        const { nats, redis } = on;
        await using writer = await openWriter(nats.url);
        await using _results = startResults(on);
        await using emptied = await openReader(redis.url);
        await untilAnswered(writer);
        await untilFed(writer);
        const thaw = () => process.kill(redis.pid ?? 0, "SIGCONT");
        for (const { strike, mend, standsStill } of [
          {
            strike: () => redis.kill(),
            mend: () => redis.restart(),
            standsStill: true,
          },
          {
            strike: () => redis.kill("SIGSTOP"),
            mend: thaw,
            standsStill: true,
          },
          { strike: () => nats.kill(), mend: () => nats.restart() },
          { strike: () => emptied.store.redis.flushall() },
        ]) {
          await using _writing = keepWriting(writer);
          await strike();
          if (standsStill) {
            await eventually(async () => (await ownReaders(writer)) === 1);
            await untilAnswered(writer);
          }
          await mend?.();
          await untilFed(writer);
        }
        const end = await streamState(writer.broker, streams.events);
        const inLog = await placesInLog(writer);
        for (const [id, places] of inLog) {
          const found = await eventually(() =>
            askTaskIndex(writer.broker, id, end),
          );
          assert.deepEqual(found, places);
        }
      });

      test("after a lost connection it compares itself with the log, whoever feeds it", async () => {
        await using on = await open(version);
        const { writer, dir, nats } = on;
        await using index = startIndex(writer, dir);
        const seq = await writer.append(requested(newTaskId()));
        await untilAnswered(writer);
        using _feeding = keepFed(index, await positionAt(writer, seq));
        await untilFed(writer);
        await nats.restart();
        await writer.broker.whenConnected();
        await untilAnswered(writer);
        await untilFed(writer);
      });

      test("where nobody feeds it any more it is there to be asked while it catches up", async () => {
        await using on = await open(version);
        const { writer, dir } = on;
        const { broker } = writer;
        await using index = startIndex(writer, dir);
        const seq = await writer.append(requested(newTaskId()));
        await untilAnswered(writer);
        const position = await positionAt(writer, seq);
        using feeding = keepFed(index, position);
        await untilFed(writer);
        await writer.lives(600);
        const { created } = position;
        const question = { task_id: newTaskId(), created, seq: seq + 600 };
        const answers: Promise<unknown>[] = [];
        /** Rejects at once where nobody is there to be asked. */
        const ask = () =>
          void answers.push(
            broker.nc.request(broker.subjects.index, JSON.stringify(question), {
              timeout: 60_000,
            }),
          );
        using stack = new DisposableStack();
        const asking = setInterval(ask, 2);
        stack.defer(() => clearInterval(asking));
        feeding[Symbol.dispose]();
        await untilAnswered(writer);
        clearInterval(asking);
        await Promise.all(answers);
      });

      test("another log under the same name is read from its beginning", async () => {
        await using on = await open(version);
        const { writer, dir } = on;
        await using _ = startIndex(writer, dir);
        await writer.lives(20);
        await untilAnswered(writer);
        await writer.broker.jsm.streams.delete(streams.events);
        await ensureTopology(writer.broker, settings);
        const id = newTaskId();
        const seq = await writer.append(requested(id));
        assert.equal(await eventIdAt(writer.broker, seq), `${id}.requested`);
        assert.equal(await statusOf(writer, id), "queued");
        await eventually(async () => (await ask(writer, id))?.[0] === seq);
      });
    },
  );
