/** What the leading results service drops from the log and what it ends so that others have room, on a real broker. */
import { makeTaskStates } from "@jetscribe/event-log/state/taskStates";
import { makeAppender } from "@jetscribe/event-log/append/append";
import { makeBrokerClock } from "@jetscribe/event-log/broker/brokerClock";
import { announceProjection } from "@jetscribe/event-log/signals/signals";
import { streamState } from "@jetscribe/event-log/broker/streamState";
import { hearAllWorkers } from "@jetscribe/event-log/signals/workersHeard";
import { makeLogger, makeTraceparentOf } from "@jetscribe/runtime";
import { newTaskId, streams, type Queue } from "@jetscribe/schema";
import {
  connectStore,
  makeTaskReader,
  makeTaskWriter,
} from "@jetscribe/task-store";
import { eventually, redisPrefix } from "@jetscribe/testing";
import assert from "node:assert/strict";
import { test } from "vitest";
import { endStranded } from "./endStranded.ts";
import { whileLeading } from "../projection/whileLeading.ts";
import { listen } from "./listening.ts";
import { makeProjection } from "../projection/projection.ts";
import {
  assertProjected,
  completed,
  openReader,
  openWriter,
  queue,
  requested,
  servers,
  startResults,
  type Writer,
} from "../../test/resultsTestKit.ts";

const firstSeq = async ({ broker }: Writer) =>
  (await streamState(broker, streams.events)).firstSeq;

/** So many tasks that have ended. */
async function finish({ append }: Writer, count: number) {
  for (let i = 0; i < count; i++) {
    const id = newTaskId();
    await append(requested(id));
    await append(completed(id));
  }
}

test.concurrent(
  "what is over its age goes, up to the oldest unfinished request and the slowest reader",
  async () => {
    await using on = await servers();
    await using writer = await openWriter(on.nats.url);
    await using redis = await openReader(on.redis.url);
    await finish(writer, 10);
    const open = newTaskId();
    const waits = await writer.append(requested(open));
    await finish(writer, 10);
    await using results = startResults(on, { EVENTS_MAX_AGE: "1s" });

    // An archive that has read nothing behind the fifth event is waited for, also while it is away.
    const word = {
      ...{ name: "archive", instance: "a", leading: true },
      ...{ seq: 5, caught_up: false },
    };
    await eventually(async () => {
      announceProjection(writer.broker, word);
      const use = await redis.reader.logUse(1);
      return use?.projections.some(({ name }) => name === word.name);
    });
    const trimmedTo = (seq: number, archive = word) =>
      eventually(
        async () => {
          announceProjection(writer.broker, archive);
          return (await firstSeq(writer)) >= seq;
        },
        { everyMs: 100 },
      );
    await trimmedTo(6);
    assert.equal(await firstSeq(writer), 6);
    await trimmedTo(waits, { ...word, seq: 41, caught_up: true });
    assert.equal(await firstSeq(writer), waits);
    await writer.append(completed(open));
    await trimmedTo(43, { ...word, seq: 42, caught_up: true });
    assert.equal(
      (await streamState(writer.broker, streams.events)).messages,
      0,
    );
    // An empty log goes on with the next sequence, and nothing is taken for lost.
    await finish(writer, 2);
    await assertProjected(writer.broker, redis.reader);
    assert.equal(
      results.said("the log lost its tail: it is projected anew"),
      0,
    );
    const { checkpoint } = await redis.reader.look([]);
    assert.deepEqual([checkpoint?.seq, checkpoint?.open.tasks], [46, 0]);
  },
);

test.concurrent(
  "a log that fills up ends the oldest waiting tasks of models without a worker, and no others",
  async () => {
    await using on = await servers();
    await using writer = await openWriter(on.nats.url, {
      eventsMaxBytes: 200_000,
    });
    await using redis = await openReader(on.redis.url);
    const stop = new AbortController();
    await using opened = new AsyncDisposableStack();
    const connect = async () => {
      const store = connectStore({
        url: on.redis.url,
        prefix: redisPrefix,
        name: "test",
      });
      opened.defer(() => store.close());
      await eventually(() => store.ready());
      return store;
    };
    const stores = {
      reader: makeTaskReader(await connect()),
      writer: makeTaskWriter(await connect(), { resultTtlMs: 3_600_000 }),
    };
    const { log } = makeLogger({ service: "test", level: "fatal" });
    const projection = makeProjection(writer.broker, stores, log, {
      onRead: () => undefined,
      onNews: () => undefined,
    });
    const appender = opened.use(makeAppender(writer.broker, "results"));
    const heard = opened.use(hearAllWorkers(writer.broker));
    const listening = opened.use(listen(writer.broker));
    let asked = 0;
    const workers = {
      all() {
        asked++;
        return heard.all();
      },
    };
    const clock = opened.use(await makeBrokerClock(writer.broker, "test"));
    // There is enough room without the outcomes of the stranded tasks.
    const trim = { held: () => undefined };
    const { look } = redis.reader;
    const { reaches } = projection;
    const states = makeTaskStates(writer.broker, { look, reaches });
    const deps = {
      ...{ broker: writer.broker, clock, appender },
      ...{ projection, states, workers, listening, trim, log },
      traceparentOf: makeTraceparentOf(undefined),
    };
    const unheardMs = 10_000;
    const work = Promise.all([
      projection.run(stop.signal),
      whileLeading(
        deps,
        endStranded({ ...deps, reader: redis.reader, unheardMs }),
        stop.signal,
      ),
    ]);
    opened.defer(async () => {
      stop.abort();
      await work;
    });
    const stranded: Queue = { ...queue, model: "gone" };
    const ask = async (of: Queue, traceparent?: string) => {
      const id = newTaskId();
      await writer.append(requested(id, { ...of, traceparent }), of);
      return id;
    };
    const old: string[] = [];
    const trace = "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01";
    for (let i = 0; i < 30; i++) old.push(await ask(stranded, trace));
    const served: string[] = [];
    for (let i = 0; i < 30; i++) served.push(await ask(queue));
    await assertProjected(writer.broker, redis.reader);
    const statuses = async (ids: string[]) =>
      (await redis.reader.look(ids)).tasks.map((task) => task?.status);
    // 60 tasks keep 130 kB, and have 40 kB: the next ones are too many.
    for (let i = 0; i < 10; i++) await ask(queue);
    await assertProjected(writer.broker, redis.reader);
    // While no model has a worker, their end would make room for nobody.
    await eventually(() => listening.forMs() > unheardMs);
    const before = asked;
    await eventually(() => asked >= before + 6);
    assert.ok((await statuses(old)).every((status) => status === "queued"));
    const say = setInterval(() => announceDemo(writer), 500);
    opened.defer(() => clearInterval(say));
    announceDemo(writer);
    await eventually(async () => (await statuses(old))[0] === "failed");
    const { tasks } = await redis.reader.look(old.slice(0, 1));
    assert.ok(tasks[0]?.status === "failed");
    assert.equal(tasks[0].error.type, "ExpiredError");
    assert.match(tasks[0].error.message, /no worker of its model/);
    const { jsm, streams } = writer.broker;
    const at = { seq: tasks[0].end_seq };
    const failure = await jsm.streams.getMessage(streams.events, at);
    assert.equal(failure?.header.get("ce-traceparent"), trace);
    assert.ok((await statuses(served)).every((status) => status === "queued"));
  },
);

function announceDemo({ broker }: Writer) {
  broker.nc.publish(
    "llm.workers.demo.w",
    JSON.stringify({
      ...{ worker_id: "w", model: "demo", engine: "fake", slots: 1, tasks: [] },
      model_loaded: true,
    }),
  );
}
