/** The auditor's reading: what the operator gets, without a change on the broker. */
import { appendTextRead } from "@jetscribe/event-log/audit/auditLog";
import { makeAppender } from "@jetscribe/event-log/append/append";
import {
  connectBroker,
  type Broker,
} from "@jetscribe/event-log/broker/connection";
import { streamState } from "@jetscribe/event-log/broker/streamState";
import { ensureAuditorConsumers } from "@jetscribe/event-log/streams/auditorConsumers";
import { ensureTopology } from "@jetscribe/event-log/streams/topology";
import {
  requestedBy,
  settings,
} from "@jetscribe/event-log/test/eventLogTestKit";
import { newTaskId, type TaskEvent } from "@jetscribe/schema";
import {
  completed,
  queue,
  requested,
  started,
} from "@jetscribe/schema/test/taskEventsTestKit";
import {
  eventually,
  makeTestAccounts,
  natsVersions,
  startNats,
  type NatsVersion,
} from "@jetscribe/testing";
import assert from "node:assert/strict";
import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { describe, test } from "vitest";
import { runCli, startCli } from "../test/cliTestKit.ts";

async function openAudited(version: NatsVersion) {
  await using opened = new AsyncDisposableStack();
  const dir = await mkdtemp(join(tmpdir(), "jetscribe-auditor-"));
  opened.defer(() => rm(dir, { recursive: true }));
  const accounts = await makeTestAccounts(dir);
  const config = [accounts.config];
  const nats = opened.use(await startNats({ version, config }));
  const url = accounts.forTest(nats.url);
  const broker = opened.use(await connectBroker({ url, name: "test" }));
  await ensureTopology(broker, settings);
  await ensureAuditorConsumers(broker);
  const appender = opened.use(makeAppender(broker, "gateway"));
  const all = opened.move();
  return {
    ...{ nats, broker, fileOf: accounts.fileOf },
    append: async (event: TaskEvent, of = queue) =>
      (await appender.append(event, of, { timeoutMs: 60_000 })).seq,
    [Symbol.asyncDispose]: () => all.disposeAsync(),
  };
}

type Audited = Awaited<ReturnType<typeof openAudited>>;

const ofB = { ...queue, owner: "b" };
const grouped = { ...ofB, group: "g" };

/** More than one turn of windows, with a gap, bodies that fill a window, and stretches where a filter finds nothing. */
async function fill({ broker, append }: Audited) {
  const id = newTaskId();
  await append(requested(id, { user_id: "ada" }));
  await append(started(id));
  for (let i = 0; i < 3; i++)
    await append(requestedBy(ofB, { prompt: "x".repeat(200_000) }), ofB);
  const many = Array.from({ length: 300 }, () => append(requestedBy(queue)));
  const gap = await many[0];
  await Promise.all(many);
  const middle = await append(requestedBy(grouped), grouped);
  await Promise.all(many.map(() => append(requestedBy(queue))));
  await append(completed(id));
  const { streams } = broker;
  await broker.jsm.streams.deleteMessage(streams.events, gap ?? 0);
  const { timestamp } =
    (await broker.jsm.streams.getMessage(streams.events, { seq: middle })) ??
    {};
  for (const task_id of [id, newTaskId()])
    await appendTextRead(
      broker,
      {
        ...{ task_id, owner: "a", key_id: "env:a", key_owner: "a" },
        ...{
          parts: ["prompt"],
          surface: "dashboard",
          trace_id: "1".repeat(32),
        },
      },
      { source: "gateway", now: new Date() },
    );
  return { id, time: String(timestamp) };
}

/** What the audited streams hold, and where each consumer of theirs stands. */
const holdings = (broker: Broker) =>
  Promise.all(
    [broker.streams.events, broker.streams.keys, broker.streams.audit].map(
      async (stream) => {
        const { config, state } = await broker.jsm.streams.info(stream);
        const consumers = await broker.jsm.consumers.list(stream).next();
        return {
          ...{ config, state },
          consumers: consumers.map(
            ({ name, config, num_pending, num_ack_pending, ...rest }) => ({
              ...{ name, config, num_pending, num_ack_pending },
              ...{ delivered: rest.delivered, ackFloor: rest.ack_floor },
            }),
          ),
        };
      },
    ),
  );

/** The operator's readers are gone: only the auditor's durable consumers are left. */
const isQuiet = async (broker: Broker) =>
  (await holdings(broker)).every(({ consumers }) => consumers.length === 1);

for (const version of await natsVersions())
  describe(`the auditor, the ${version} nats-server`, () => {
    test("reads what the operator reads, byte for byte, and changes nothing", async () => {
      await using audited = await openAudited(version);
      const { nats, broker, fileOf, append } = audited;
      const { id, time } = await fill(audited);
      const commands = [
        ["replay"],
        ["replay", "--owner", "b", "--no-text", "--format", "csv"],
        ["replay", "--user", "ada", "--after", "1"],
        ["replay", "--from", time, "--type", "requested,completed"],
        ["state", "--json", "--at", time],
        ["history", id, "--json"],
        ["audit", "--task", id, "--from", "1h"],
      ];
      const as = (role: "operator" | "auditor", args: string[]) =>
        runCli(nats.url, ...args, "--nkey", fileOf(role));
      const all = (role: "operator" | "auditor") =>
        Promise.all(commands.map((args) => as(role, args)));
      const expected = await all("operator");
      await eventually(() => isQuiet(broker));
      const before = await holdings(broker);
      for (const [i, found] of (await all("auditor")).entries()) {
        const name = commands[i]?.join(" ");
        assert.deepEqual([found.code, found.stderr], [0, ""], name);
        assert.ok(found.stdout.length > 0, name);
        // A difference of megabytes tells nothing.
        assert.ok(found.stdout === expected[i]?.stdout, name);
      }
      const changing = await as("auditor", ["subscribers", "list"]);
      assert.equal(changing.code, 1);
      assert.match(changing.stderr, /is the file the operator's\?\n$/);
      assert.deepEqual(await holdings(broker), before);

      const tail = ["tail", "--json", "--from", "1h", "--owner", "b"];
      const start = (role: "operator" | "auditor") =>
        startCli(nats.url, ...tail, "--nkey", fileOf(role));
      await using auditor = start("auditor");
      await auditor.says('"owner":"b"');
      await append(requestedBy(queue));
      const { task_id } = (await appendB(append)).data;
      await auditor.says(task_id);
      await using operator = start("operator");
      await operator.says(task_id);
      await eventually(() => auditor.stdout() === operator.stdout());
      auditor.signal("SIGINT");
      assert.deepEqual([await auditor.ended(), auditor.stderr()], [0, ""]);
      const { lastSeq } = await streamState(broker, broker.streams.events);
      assert.equal(lastSeq, (before[0]?.state.last_seq ?? 0) + 2);
    });
  });

async function appendB(append: Audited["append"]) {
  const event = requestedBy(ofB);
  await append(event, ofB);
  return event;
}
