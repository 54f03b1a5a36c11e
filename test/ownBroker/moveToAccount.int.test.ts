/** The data of a private nats-server from before there were accounts: nothing of it changes but the account. */
import type { Role } from "@jetscribe/event-log/accounts/roles";
import { makeAppender } from "@jetscribe/event-log/append/append";
import {
  connectBroker,
  type Broker,
} from "@jetscribe/event-log/broker/connection";
import {
  ensureTopology,
  ensureWorkQueue,
} from "@jetscribe/event-log/streams/topology";
import {
  queue,
  requestedBy,
  settings,
} from "@jetscribe/event-log/test/eventLogTestKit";
import { brokerOf } from "@jetscribe/runtime";
import { seedFileOf } from "@jetscribe/runtime/ownAccounts";
import { natsVersions, startNats, type NatsVersion } from "@jetscribe/testing";
import assert from "node:assert/strict";
import { execFileSync } from "node:child_process";
import {
  existsSync,
  mkdirSync,
  mkdtempSync,
  readdirSync,
  rmSync,
} from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { onTestFinished, test } from "vitest";
import { root } from "../../scripts/install/project.mjs";
import { moveToAccount } from "../../scripts/system/moveToAccount.ts";
import { prepareOwnBroker } from "../../scripts/system/ownBroker.ts";

const [ada, bob] = ["ada", "bob"].map((owner) => ({ ...queue, owner })) as [
  typeof queue,
  typeof queue,
];
const requestsEach = 6;

for (const version of await natsVersions())
  test(`streams and consumers are the same in the account (${version})`, async () => {
    const dataDir = newFolder();
    const server = { dataDir, version };
    const before = await withBroker(server, async (broker) => {
      await fill(broker);
      return await everythingOf(broker);
    });
    assert.equal(before.messages.length, 2 * requestsEach + 6);
    assert.deepEqual(before.consumers.map(countsOf), [
      { pending: 2, ackPending: 2, redelivered: 1 },
      { pending: requestsEach, ackPending: 0, redelivered: 0 },
    ]);

    prepareOwnBroker(dataDir, undefined);
    assert.deepEqual(readdirSync(join(dataDir, "nats/jetstream")), [
      "JETSCRIBE",
    ]);
    await withBroker({ ...server, role: "operator" }, async (broker) => {
      assert.deepEqual(await everythingOf(broker), before);
      // What is not acknowledged comes again, what is does not, and the log goes on.
      const left = [await next(broker, ada), await next(broker, ada)];
      assert.deepEqual(left.map(requestOf), ["prompt 4", "prompt 5"]);
    });
    await withBroker({ ...server, role: "gateway" }, async (broker) => {
      using appender = makeAppender(broker, "gateway");
      const { seq } = await appender.append(requestedBy(bob), bob);
      assert.equal(seq, 2 * requestsEach + 1);
    });
  });

const movers: Record<string, (natsDir: string) => void> = {
  "npm start": moveToAccount,
  "the container": (natsDir) =>
    execFileSync(
      "sh",
      [
        join(root, "deploy/nats/move-to-account.sh"),
        join(natsDir, "jetstream"),
      ],
      { stdio: "ignore" },
    ),
};
for (const [name, move] of Object.entries(movers))
  test(`${name} moves what is there, once, and never one log over another`, () => {
    const natsDir = join(newFolder(), "nats");
    const streams = (account: string) =>
      join(natsDir, "jetstream", account, "streams");
    move(natsDir); // a first start
    assert.equal(existsSync(natsDir), false);
    mkdirSync(join(streams("$G"), "EVENTS"), { recursive: true });
    // A server that was started with accounts before the move has made the folder.
    mkdirSync(streams("JETSCRIBE"), { recursive: true });
    move(natsDir);
    move(natsDir);
    assert.deepEqual(readdirSync(streams("JETSCRIBE")), ["EVENTS"]);
    assert.equal(existsSync(streams("$G")), false);

    mkdirSync(join(streams("$G"), "TOKENS"), { recursive: true });
    assert.throws(() => move(natsDir));
    assert.deepEqual(readdirSync(streams("JETSCRIBE")), ["EVENTS"]);
    assert.deepEqual(readdirSync(streams("$G")), ["TOKENS"]);
  });

function newFolder(): string {
  const dir = mkdtempSync(join(tmpdir(), "jetscribe-move-"));
  onTestFinished(() => rmSync(dir, { recursive: true }));
  return dir;
}

/** Runs `use` on a broker with this data; as a user of the accounts, or where there are none yet. */
async function withBroker<T>(
  {
    dataDir,
    version,
    role,
  }: { dataDir: string; version: NatsVersion; role?: Role },
  use: (broker: Broker) => Promise<T>,
): Promise<T> {
  const config = role ? ['include "nats/accounts.conf"'] : [];
  await using nats = await startNats({ dataDir, version, config });
  const login = role && { NATS_NKEY_FILE: seedFileOf(dataDir, role) };
  await using broker = await connectBroker({
    ...brokerOf({ NATS_URL: nats.url, ...login }, role ?? "operator"),
    name: "test",
  });
  return await use(broker);
}

/** Two work queues, one with what is acknowledged, delivered, and delivered again; and something in every other stream. */
async function fill(broker: Broker): Promise<void> {
  await ensureTopology(broker, settings);
  using appender = makeAppender(broker, "gateway");
  for (const of of [ada, bob]) {
    await ensureWorkQueue(broker, of, { ackWaitMs: 60_000 });
    for (let i = 0; i < requestsEach; i++)
      await appender.append(requestedBy(of, { prompt: `prompt ${i}` }), of);
  }
  const first = await next(broker, ada);
  const second = await next(broker, ada);
  const third = await next(broker, ada);
  await ask(broker, first.reply, "+ACK");
  await ask(broker, third.reply, "+ACK"); // The floor stays below the second.
  await ask(broker, second.reply, "-NAK");
  assert.equal(requestOf(await next(broker, ada)), "prompt 1");
  await next(broker, ada);
  const { subjects } = broker;
  for (const subject of [
    subjects.log("gateway"),
    subjects.idempotencyKey("ada", "digest"),
    subjects.keyEvent("created", "k1"),
    subjects.textRead("a-task"),
    subjects.tokens("a-task"),
  ])
    await ask(broker, subject, `the body of ${subject}`);
  await ask(broker, subjects.tokens("a-task"), new Uint8Array([0, 255, 10]));
}

/** All that a client can see of the messages and of the consumers' places. */
async function everythingOf(broker: Broker) {
  const messages: unknown[] = [];
  for (const stream of Object.values(broker.streams)) {
    const { state } = await broker.jsm.streams.info(stream);
    for (let seq = state.first_seq; seq <= state.last_seq; seq++) {
      const wanted = JSON.stringify({ seq });
      const api = `$JS.API.STREAM.MSG.GET.${stream}`;
      const { message } = (await ask(broker, api, wanted)).json<{
        message: object;
      }>();
      assert.ok("time" in message && "data" in message);
      messages.push({ stream, ...message });
    }
  }
  const consumers = [];
  for (const of of [ada, bob]) {
    const { config, delivered, ack_floor, ...counts } =
      await broker.jsm.consumers.info(
        broker.streams.events,
        broker.workConsumerName(of),
      );
    const { num_pending, num_ack_pending, num_redelivered } = counts;
    consumers.push({
      ...{ config, num_pending, num_ack_pending, num_redelivered },
      delivered: [delivered.consumer_seq, delivered.stream_seq],
      ackFloor: [ack_floor.consumer_seq, ack_floor.stream_seq],
    });
  }
  return { messages, consumers };
}

type Consumer = Awaited<ReturnType<typeof everythingOf>>["consumers"][number];

const countsOf = (consumer: Consumer) => ({
  pending: consumer.num_pending,
  ackPending: consumer.num_ack_pending,
  redelivered: consumer.num_redelivered,
});

const next = (broker: Broker, of: typeof queue) =>
  ask(
    broker,
    `$JS.API.CONSUMER.MSG.NEXT.${broker.streams.events}.${broker.workConsumerName(of)}`,
    JSON.stringify({ batch: 1, expires: 5e9 }),
  );

/** The answer may be a message of a stream, which comes under its own subject. */
const ask = (
  broker: Broker,
  subject: string | undefined,
  payload: string | Uint8Array,
) =>
  broker.nc.request(subject ?? "", payload, {
    timeout: 10_000,
    noMux: true,
    reply: broker.createInbox(),
  });

const requestOf = (msg: { json: <T>() => T }): string =>
  msg.json<{ prompt: string }>().prompt;
