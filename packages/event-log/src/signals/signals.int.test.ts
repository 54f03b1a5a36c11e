import { newTaskId, subjects, type Queue } from "@jetscribe/schema";
import { eventually, natsVersions } from "@jetscribe/testing";
import assert from "node:assert/strict";
import { describe, test } from "vitest";
import { makeAppender } from "../append/append.ts";
import { decodeEvent } from "../codec/codec.ts";
import type { Broker } from "../broker/connection.ts";
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
} from "./signals.ts";
import { ensureTopology } from "../streams/topology.ts";
import { eventIdAt, messageAt } from "../broker/streamState.ts";
import {
  cancelled,
  completed,
  openLog,
  queue,
  requestedBy,
  settings,
  started,
} from "../../test/eventLogTestKit.ts";

const worker = {
  ...{ worker_id: "w1", model: "Demo", engine: "fake", model_loaded: true },
  ...{ slots: 2, tasks: ["t1"] },
};
const projection = {
  ...{ name: "results", instance: "i1", leading: true },
  ...{ seq: 5, caught_up: true },
};
/** All that is heard, in one list; ends with the broker. */
function hearAll(broker: Broker) {
  const heard: unknown[] = [];
  const note = (what: string) => (value?: unknown) =>
    void heard.push([what, value]);
  const listening = [
    hearWorkers(broker, note("worker")),
    hearWorkers(broker, note("worker of another model"), "other"),
    hearProjections(broker, note("projection")),
    hearWake(broker, "demo", note("wake")),
    hearCancelled(broker, "demo", note("cancelled")),
  ];
  return {
    heard,
    stop: () => listening.forEach((one) => one[Symbol.dispose]()),
  };
}

for (const version of await natsVersions())
  describe(`signals, the ${version} nats-server`, () => {
    test("what is said is heard by others", async () => {
      await using log = await openLog(version);
      const listener = await log.connect();
      const { heard, stop } = hearAll(listener);
      await listener.nc.flush();
      announceWorker(log.broker, "demo", worker);
      announceProjection(log.broker, projection);
      sendWake(log.broker, queue);
      await log.append(requestedBy(queue));
      await log.append(requestedBy(queue), { ...queue, model: "other" });
      const id = newTaskId();
      await log.append(cancelled(id));
      await log.append(cancelled(newTaskId()), { ...queue, model: "other" });
      await eventually(() => heard.length >= 5);
      await listener.nc.flush();
      const expected = [
        ["cancelled", id],
        ["projection", projection],
        ["wake", queue],
        ["wake", queue],
        ["worker", worker],
      ];
      assert.deepEqual(
        heard.toSorted((a, b) =>
          JSON.stringify(a) < JSON.stringify(b) ? -1 : 1,
        ),
        expected,
      );
      stop();
      announceWorker(log.broker, "demo", worker);
      await log.broker.nc.flush();
      await listener.nc.flush();
      assert.equal(heard.length, 5);
    });

    test("stored events are heard without their bodies, each with its place in the log; refused ones are not", async () => {
      await using log = await openLog(version);
      const hints: unknown[] = [];
      using _hearing = hearStored(log.broker, queue, (hint) =>
        hints.push(hint),
      );
      const bodies: number[] = [];
      log.broker.nc.subscribe("llm.stored.>", {
        callback: (_error, { data }) => void bodies.push(data.length),
      });
      const request = requestedBy(queue);
      const { task_id: taskId } = request.data;
      await log.append(requestedBy(queue), { ...queue, owner: "b" });
      await log.append(request);
      await log.append(started(taskId, 2));
      await log.append(completed(taskId));
      // One outcome is stored of each task.
      assert.equal(await log.append(cancelled(taskId)), 4);
      await log.append(started(taskId, 3));
      await eventually(() => hints.length >= 4);
      await log.broker.nc.flush();
      assert.deepEqual(hints, [
        { type: "GenerateRequested", taskId, attempt: NaN, seq: 2 },
        { type: "GenerateStarted", taskId, attempt: 2, seq: 3 },
        { type: "GenerateCompleted", taskId, attempt: NaN, seq: 4 },
        { type: "GenerateStarted", taskId, attempt: 3, seq: 5 },
      ]);
      assert.deepEqual(bodies, [0, 0, 0, 0, 0]);
    });

    test("of a hundred and fifty races between a cancel and the end, each is heard to have the one outcome that the log has", async () => {
      await using log = await openLog(version);
      const other = await log.connect();
      using appender = makeAppender(other, "gateway");
      const listener = await log.connect();
      const heard = new Map<string, string[]>();
      using _hearing = hearStored(listener, queue, ({ type, taskId, seq }) => {
        const outcomes = heard.get(taskId) ?? [];
        heard.set(taskId, [...outcomes, `${type} at ${seq}`]);
      });
      const cancels = new Set<string>();
      using _cancels = hearCancelled(listener, "demo", (id) => cancels.add(id));
      await listener.nc.flush();
      const races = Array.from({ length: 150 }, async (_, i) => {
        const id = newTaskId();
        const [one, two] = [log.appender, appender];
        const answers = await Promise.all([
          (i % 2 === 0 ? one : two).append(completed(id), queue),
          (i % 2 === 0 ? two : one).append(cancelled(id), queue),
        ]);
        assert.equal(answers.filter(({ duplicate }) => duplicate).length, 1);
        return { id, seq: answers[0]?.seq ?? 0 };
      });
      const expected = new Map<string, string[]>();
      for (const { id, seq } of await Promise.all(races)) {
        const message = await messageAt(log.broker, "EVENTS", seq);
        const decoded = message && decodeEvent(message);
        assert.ok(decoded && "event" in decoded);
        expected.set(id, [`${decoded.event.type} at ${seq}`]);
      }
      const outcomes = [...expected.values()].flat().join();
      for (const word of ["Completed", "Cancelled"])
        assert.ok(outcomes.includes(word), `none was ${word}`);
      await eventually(() => heard.size === expected.size);
      await log.broker.nc.flush();
      await listener.nc.flush();
      assert.deepEqual(heard, expected);
      const lost = [...expected].filter(([, [end]]) => /Completed/.test(end!));
      assert.deepEqual(
        lost.filter(([id]) => cancels.has(id)),
        [],
      );
      assert.equal(cancels.size, expected.size - lost.length);
    });

    test("the wake-ups that an earlier version's stream sends for stored requests are heard too", async () => {
      await using log = await openLog(version);
      const { jsm } = log.broker;
      const { config } = await jsm.streams.info("EVENTS");
      await jsm.streams.delete("EVENTS");
      const republish = {
        src: "llm.events.requested.*.*.*",
        dest: "llm.wake.{{wildcard(1)}}.{{wildcard(2)}}.{{wildcard(3)}}",
        headers_only: true,
      };
      await jsm.streams.add({ ...config, republish });
      // It stays as it is: 2.9 can't change that.
      await ensureTopology(log.broker, settings);
      const { heard } = hearAll(log.broker);
      await log.append(requestedBy(queue));
      await eventually(() => heard.length > 0);
      assert.deepEqual(heard, [["wake", queue]]);
    });

    test("garbage is not heard, and disturbs nobody", async () => {
      await using log = await openLog(version);
      const { heard } = hearAll(log.broker);
      const odd: Queue = { model: "demo", lane: "interactive", owner: "*" };
      for (const subject of [
        ...[subjects.worker("demo", "w1"), subjects.projection("results")],
        ...[
          "llm.wake.demo.nolane.a",
          subjects.stored("cancelled", { ...odd, owner: "b" }),
          subjects.stored("requested", { ...odd, lane: "nolane" }),
        ],
      ])
        for (const body of [
          "",
          "{",
          "null",
          "[]",
          '{"name":5}',
          new Uint8Array([0xff, 0xfe, 0]),
        ])
          log.broker.nc.publish(subject, body);
      announceProjection(log.broker, projection);
      await eventually(() => heard.length > 0);
      assert.deepEqual(heard, [["projection", projection]]);
    });

    test("a log record stands in LOGS, and is dropped where the broker is away", async () => {
      await using log = await openLog(version);
      assert.equal(
        sendLogRecord(log.broker, "gateway", '{"msg":"hello"}'),
        true,
      );
      const stored = await eventually(() => messageAt(log.broker, "LOGS", 1));
      assert.equal(stored.subject, "llm.logs.gateway");
      assert.equal(Buffer.from(stored.data).toString(), '{"msg":"hello"}');
      await log.nats.kill("SIGKILL");
      await eventually(() => !log.broker.connected);
      assert.equal(sendLogRecord(log.broker, "gateway", "lost"), false);
      announceWorker(log.broker, "demo", worker);
      await log.nats.restart();
      await log.broker.whenConnected();
      await log.broker.nc.flush();
      assert.equal(await messageAt(log.broker, "LOGS", 2), undefined);
    });

    test("the ids in the log", async () => {
      await using log = await openLog(version);
      const [id] = await log.request(1);
      assert.equal(await eventIdAt(log.broker, 1), `${id}.requested`);
      assert.equal(await eventIdAt(log.broker, 2), undefined);
    });
  });
