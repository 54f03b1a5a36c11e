import { duplicateWindowMs, streams, type Queue } from "@jetscribe/schema";
import { natsVersions } from "@jetscribe/testing";
import {
  DiscardPolicy,
  StorageType,
  type StreamConfig,
} from "@nats-io/jetstream";
import { nanos } from "@nats-io/nats-core";
import assert from "node:assert/strict";
import { describe, test } from "vitest";
import { limitOf, maxBytesOf } from "./logLimit.ts";
import { messageAt, streamState } from "../broker/streamState.ts";
import { openLog, queue, settings } from "../../test/eventLogTestKit.ts";
import {
  ensureTopology,
  ensureWorkQueue,
  listWorkQueues,
  remakeWorkQueue,
  wantedStreams,
  workQueueInfo,
} from "./topology.ts";

const ackWaitMs = 15_000;
const owned = (owner: string): Queue => ({ ...queue, owner });

for (const version of await natsVersions())
  describe(`topology, the ${version} nats-server`, () => {
    test("makes what is missing, and nothing anew where all is there", async () => {
      await using log = await openLog(version);
      const { jsm } = log.broker;
      const [id] = await log.request(1);
      await ensureTopology(log.broker, settings);
      assert.equal((await streamState(log.broker, streams.events)).messages, 1);
      assert.equal(
        (await messageAt(log.broker, streams.events, 1))?.header("ce-subject"),
        id,
      );
      // More owners than the newest servers take by themselves.
      const events = await jsm.streams.info(streams.events);
      assert.equal(events.config.max_consumers, 100_000);
      assert.equal(events.config.duplicate_window, nanos(duplicateWindowMs));
      await jsm.streams.delete(streams.tokens);
      await ensureTopology(log.broker, settings);
      const { config } = await jsm.streams.info(streams.tokens);
      assert.deepEqual(config.subjects, ["llm.tokens.*"]);
      assert.equal(config.max_age, nanos(900_000));
      assert.equal(config.allow_direct, true);
    });

    test("services that start together don't hinder each other", async () => {
      await using log = await openLog(version);
      const { jsm } = log.broker;
      for (const name of Object.values(streams)) await jsm.streams.delete(name);
      const others = await Promise.all([
        log.connect(),
        log.connect(),
        log.connect(),
      ]);
      await Promise.all(
        others.map((broker) => ensureTopology(broker, settings)),
      );
      assert.equal(
        (await jsm.streams.info(streams.events)).config.max_bytes,
        maxBytesOf(settings.eventsMaxBytes),
      );
    });

    test("the broker itself drops no event: a full log refuses, and nothing ages", async () => {
      await using log = await openLog(version);
      const { config } = await log.broker.jsm.streams.info(streams.events);
      assert.deepEqual([config.discard, config.max_age], ["new", 0]);
      assert.equal(limitOf(config.max_bytes), settings.eventsMaxBytes);
    });

    test("other settings change nothing on what is there, and are told by field", async () => {
      await using log = await openLog(version);
      await log.request(3);
      const found = await ensureTopology(log.broker, {
        ...{ eventsMaxBytes: 2 ** 20, taskTimeoutMs: 60_000, replicas: 3 },
        ...{ auditMaxAgeMs: 60_000, auditMaxBytes: 2 ** 20 },
      });
      const fields = found.map(({ stream, field }) => `${stream}.${field}`);
      assert.deepEqual(fields.toSorted(), [
        "AUDIT.max_age",
        "AUDIT.max_bytes",
        "AUDIT.num_replicas",
        "EVENTS.max_bytes",
        "EVENTS.num_replicas",
        "IDEMPOTENCY.num_replicas",
        "KEYS.num_replicas",
        "LOGS.num_replicas",
        "TOKENS.max_age",
        "TOKENS.num_replicas",
        "WEBHOOKS.num_replicas",
      ]);
      const size = found.find(
        ({ stream, field }) => stream === "EVENTS" && field === "max_bytes",
      );
      const bytes = maxBytesOf(settings.eventsMaxBytes);
      assert.deepEqual([size?.wanted, size?.found], [1_310_720, bytes]);
      const { config, state } = await log.broker.jsm.streams.info(
        streams.events,
      );
      assert.equal(state.messages, 3);
      assert.deepEqual([config.max_bytes, config.num_replicas], [bytes, 1]);
      assert.deepEqual(await ensureTopology(log.broker, settings), []);
    });

    test("a log that would drop unfinished requests is refused by name", async () => {
      await using log = await openLog(version);
      const { jsm } = log.broker;
      const refuse = async (other: Partial<StreamConfig>, message: RegExp) => {
        await jsm.streams.delete(streams.events);
        const { config } = await jsm.streams.add({
          ...wantedStreams(settings, log.broker)[0],
          ...other,
          name: streams.events,
        });
        await assert.rejects(ensureTopology(log.broker, settings), {
          ...{ name: "TopologyError", code: "TOPOLOGY", message },
        });
        const after = await jsm.streams.info(streams.events);
        assert.deepEqual(after.config, config);
      };
      const command = "npm run streams -- plan";
      await refuse(
        { discard: DiscardPolicy.Old },
        new RegExp(`EVENTS.* discard is "old".*${command}`),
      );
      await refuse({ max_age: nanos(86_400_000) }, /EVENTS.* max_age is/);
      await refuse({ max_bytes: -1 }, /max_bytes is -1/);
      await refuse({ max_msgs_per_subject: 5 }, /max_msgs_per_subject is 5/);
    });

    test("idempotency keys that would be forgotten early are refused by name, and longer ones are not", async () => {
      await using log = await openLog(version);
      const { streams: api } = log.broker.jsm;
      const ensure = () => ensureTopology(log.broker, settings);
      await api.update(streams.idempotency, { max_age: nanos(2 * 86_400_000) });
      const [longer] = await ensure();
      assert.equal(longer?.field, "max_age");
      await api.update(streams.idempotency, { max_age: nanos(3_600_000) });
      await assert.rejects(ensure(), {
        name: "TopologyError",
        message: /stream IDEMPOTENCY .*max_age is 3600000000000/,
      });
    });

    test("what can't be made so is a TopologyError", async () => {
      await using log = await openLog(version);
      const { jsm } = log.broker;
      await jsm.streams.delete(streams.logs);
      await jsm.streams.add({
        name: streams.logs,
        subjects: ["llm.logs.*"],
        storage: StorageType.Memory,
      });
      await assert.rejects(ensureTopology(log.broker, settings), {
        name: "TopologyError",
        code: "TOPOLOGY",
        message: /stream LOGS .*storage is "memory"/,
      });
      await jsm.streams.delete(streams.logs);
      await jsm.streams.add({ name: "OTHER", subjects: ["llm.logs.gateway"] });
      await assert.rejects(ensureTopology(log.broker, settings), {
        name: "TopologyError",
        message: /stream OTHER .*takes messages of llm\.logs\.\*.*NAMESPACE/,
      });
    });

    test("what a server makes of it is read back, also where it took it without a word", async () => {
      await using log = await openLog(version);
      const unlimited = { ...settings, eventsMaxBytes: 0 };
      await log.broker.jsm.streams.delete(streams.events);
      await assert.rejects(ensureTopology(log.broker, unlimited), {
        ...{ name: "TopologyError", message: /EVENTS.*max_bytes/ },
      });
    });

    test("a work queue is made once, as designed, however many ask for it", async () => {
      await using log = await openLog(version);
      const others = await Promise.all([
        log.connect(),
        log.connect(),
        log.connect(),
      ]);
      await Promise.all(
        others.map((broker) => ensureWorkQueue(broker, queue, { ackWaitMs })),
      );
      const { config } = await log.broker.jsm.consumers.info(
        streams.events,
        "infer=demo=interactive=a",
      );
      const {
        filter_subject,
        ack_policy,
        ack_wait,
        deliver_policy,
        max_deliver,
        max_ack_pending,
        inactive_threshold = 0,
      } = config;
      assert.deepEqual(
        {
          filter_subject,
          ack_policy,
          ack_wait,
          deliver_policy,
          max_deliver,
          max_ack_pending,
          inactive_threshold,
        },
        {
          filter_subject: "llm.events.requested.demo.interactive.a",
          ack_policy: "explicit",
          ack_wait: nanos(ackWaitMs),
          deliver_policy: "all",
          max_deliver: -1,
          max_ack_pending: -1,
          inactive_threshold: 0,
        },
      );
    });

    test("a work queue that is there stays as it is", async () => {
      await using log = await openLog(version);
      await ensureWorkQueue(log.broker, queue, { ackWaitMs });
      await ensureWorkQueue(log.broker, queue, { ackWaitMs: 60_000 });
      const { config } = await log.broker.jsm.consumers.info(
        streams.events,
        "infer=demo=interactive=a",
      );
      assert.equal(config.ack_wait, nanos(ackWaitMs));
    });

    test("a work queue without its stream is an error", async () => {
      await using log = await openLog(version);
      await log.broker.jsm.streams.delete(streams.events);
      await assert.rejects(ensureWorkQueue(log.broker, queue, { ackWaitMs }), {
        name: "StreamNotFoundError",
      });
      assert.equal(await workQueueInfo(log.broker, queue), undefined);
    });

    test("lists all of one model's queues with what they hold, over pages, and no readers", async () => {
      await using log = await openLog(version);
      const owners = Array.from({ length: 300 }, (_, at) => `o${at}`);
      // So few at once that the broker answers each in time.
      for (let at = 0; at < owners.length; at += 20)
        await Promise.all(
          owners
            .slice(at, at + 20)
            .map((owner) =>
              ensureWorkQueue(log.broker, owned(owner), { ackWaitMs }),
            ),
        );
      await ensureWorkQueue(
        log.broker,
        { ...queue, model: "other" },
        { ackWaitMs },
      );
      await log.broker.jsm.consumers.add(streams.events, {
        durable_name: "a-reader",
      });
      await log.request(2, owned("o7"));
      const listed = await listWorkQueues(log.broker, "demo");
      assert.equal(listed.length, 300);
      assert.deepEqual(
        listed.filter(({ pending }) => pending > 0),
        [
          {
            queue: owned("o7"),
            pending: 2,
            ackPending: 0,
            deliveredSeq: 0,
            deliveries: 0,
            maxAckPending: -1,
          },
        ],
      );
      assert.equal((await listWorkQueues(log.broker)).length, 301);
    });

    test("a queue made again from a sequence holds what stands from there", async () => {
      await using log = await openLog(version);
      await ensureWorkQueue(log.broker, queue, { ackWaitMs });
      await log.request(5);
      const info = () => workQueueInfo(log.broker, queue);
      const fresh = {
        ...{ queue, ackPending: 0, deliveries: 0 },
        maxAckPending: -1,
      };
      assert.deepEqual(await info(), { ...fresh, pending: 5, deliveredSeq: 0 });
      await remakeWorkQueue(log.broker, queue, { ackWaitMs, fromSeq: 4 });
      assert.deepEqual(await info(), { ...fresh, pending: 2, deliveredSeq: 3 });
      await remakeWorkQueue(log.broker, queue, { ackWaitMs });
      assert.equal((await info())?.pending, 5);
      await log.broker.jsm.consumers.delete(
        streams.events,
        "infer=demo=interactive=a",
      );
      assert.equal(await info(), undefined);
      await remakeWorkQueue(log.broker, queue, { ackWaitMs, fromSeq: 0 });
      assert.equal((await info())?.pending, 5);
    });
  });
