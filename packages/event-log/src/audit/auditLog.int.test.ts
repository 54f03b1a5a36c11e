import { newTaskId, type TextRead } from "@jetscribe/schema";
import { eventually, natsVersions } from "@jetscribe/testing";
import assert from "node:assert/strict";
import { describe, test } from "vitest";
import { AppendError } from "../append/append.ts";
import type { Broker } from "../broker/connection.ts";
import { messageAt, streamState } from "../broker/streamState.ts";
import { openLog } from "../../test/eventLogTestKit.ts";
import { appendTextRead, scanTextReads, textReadsOf } from "./auditLog.ts";

const readOf = (task_id: string, more: Partial<TextRead> = {}): TextRead => ({
  ...{ task_id, owner: "Team A", key_id: "env:a", key_owner: "a" },
  ...{ parts: ["prompt", "result"], surface: "dashboard" },
  trace_id: "0".repeat(31) + "1",
  ...more,
});
const append = (broker: Broker, read: TextRead) =>
  appendTextRead(broker, read, { source: "gateway", now: new Date() });
const never = new AbortController().signal;
const stored = async (broker: Broker) =>
  (await streamState(broker, broker.streams.audit)).messages;

for (const version of await natsVersions())
  describe(`audit records in AUDIT, the ${version} nats-server`, () => {
    test("a record is a CloudEvent, and is told among those of its task, oldest first", async () => {
      await using log = await openLog(version);
      const { broker } = log;
      const [a, b] = [newTaskId(), newTaskId()];
      assert.deepEqual(await textReadsOf(broker, a, never), []);
      await append(broker, readOf(a, { parts: ["prompt"] }));
      await append(broker, readOf(b));
      await append(broker, readOf(a));
      const reads = await textReadsOf(broker, a, never);
      assert.deepEqual(
        reads.map(({ seq, parts }) => [seq, parts]),
        [
          [1, ["prompt"]],
          [3, ["prompt", "result"]],
        ],
      );
      const { seq: _, time, ...data } = reads[1]!;
      assert.deepEqual(data, readOf(a));
      assert.ok(Math.abs(time - Date.now() / 1_000) < 600);
      const message = await messageAt(broker, broker.streams.audit, 3);
      assert.equal(message?.subject, `llm.audit.read.${a}`);
      assert.equal(message.header("ce-type"), "jetscribe.TextRead.v1");
      assert.equal(message.header("ce-subject"), a);
    });

    test("what one key reads again within two minutes is one record; another key, part or surface is another", async () => {
      await using log = await openLog(version);
      const { broker } = log;
      const id = newTaskId();
      const all = [
        readOf(id),
        readOf(id, { key_id: "env:b" }),
        readOf(id, { parts: ["result"] }),
        readOf(id, { surface: "api" }),
      ];
      for (const read of [...all, ...all]) await append(broker, read);
      assert.equal(await stored(broker), all.length);
    });

    test("a full stream refuses, and drops no record", async () => {
      await using log = await openLog(version);
      const { broker } = log;
      const id = newTaskId();
      await append(broker, readOf(id));
      const { audit } = broker.streams;
      const { bytes } = await streamState(broker, audit);
      await broker.jsm.streams.update(audit, { max_bytes: bytes + 10 });
      await assert.rejects(
        append(broker, readOf(newTaskId())),
        (error) => error instanceof AppendError && error.code === "full",
      );
      assert.equal((await textReadsOf(broker, id, never)).length, 1);
    });

    test("of many records the newest 100 are told, what is no record is passed over, and a restart loses none", async () => {
      await using log = await openLog(version);
      const { broker } = log;
      const id = newTaskId();
      for (let i = 1; i <= 105; i++)
        await append(broker, readOf(id, { key_id: `key-${i}` }));
      await broker.jsm
        .jetstream()
        .publish(broker.subjects.textRead(id), '{"parts":7}');
      await log.nats.restart();
      await broker.whenConnected(AbortSignal.timeout(60_000));
      const reads = await textReadsOf(broker, id, never);
      assert.deepEqual(
        [reads.length, reads[0]?.key_id, reads.at(-1)?.key_id],
        [100, "key-6", "key-105"],
      );
      const garbage: number[] = [];
      let first: string | undefined;
      await scanTextReads(
        broker,
        {
          onRead: ({ key_id }) => (first ??= key_id) === "",
          onGarbage: (seq) => void garbage.push(seq),
        },
        never,
      );
      assert.deepEqual([first, garbage], ["key-1", [106]]);
    });

    test("a broker that does not answer is asked no longer than the signal says", async () => {
      await using log = await openLog(version);
      const { broker } = log;
      const id = newTaskId();
      await append(broker, readOf(id));
      await log.nats.kill("SIGSTOP");
      const over = new AbortController();
      const readings = [
        textReadsOf(broker, id, over.signal),
        scanTextReads(broker, { onRead: () => false }, over.signal),
      ];
      over.abort(new Error("the caller's time is over"));
      await Promise.all(
        readings.map((reading) =>
          assert.rejects(reading, /the caller's time is over/),
        ),
      );
    });

    test("a broker that is away takes no record", async () => {
      await using log = await openLog(version);
      const { broker } = log;
      await log.nats.kill();
      await eventually(() => !broker.connected);
      await assert.rejects(
        append(broker, readOf(newTaskId())),
        (error) => error instanceof AppendError && error.code === "unavailable",
      );
    });
  });
