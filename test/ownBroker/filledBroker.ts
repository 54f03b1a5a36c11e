/** A broker with something in every stream, and work queues in the middle of their work; and all that a client sees of it. */
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
import { startNats, type NatsVersion } from "@jetscribe/testing";
import assert from "node:assert/strict";
import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { onTestFinished } from "vitest";

export const [ada, bob] = ["ada", "bob"].map((owner) => ({
  ...queue,
  owner,
})) as [typeof queue, typeof queue];
export const requestsEach = 6;

/** For one test's data. */
export function newFolder(): string {
  const dir = mkdtempSync(join(tmpdir(), "jetscribe-move-"));
  onTestFinished(() => rmSync(dir, { recursive: true }));
  return dir;
}

/** Runs `use` on a broker with this data; as a user of the accounts, or where there are none yet. */
export async function withBroker<T>(
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
export async function fill(broker: Broker): Promise<void> {
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
    subjects.webhookDelivery("ada", "a-task"),
    subjects.tokens("a-task"),
  ])
    await ask(broker, subject, `the body of ${subject}`);
  await ask(broker, subjects.tokens("a-task"), new Uint8Array([0, 255, 10]));
}

/** All that a client can see of the messages and of the consumers' places. */
export async function everythingOf(broker: Broker) {
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

export const countsOf = (consumer: Consumer) => ({
  pending: consumer.num_pending,
  ackPending: consumer.num_ack_pending,
  redelivered: consumer.num_redelivered,
});

export const next = (broker: Broker, of: typeof queue) =>
  ask(
    broker,
    `$JS.API.CONSUMER.MSG.NEXT.${broker.streams.events}.${broker.workConsumerName(of)}`,
    JSON.stringify({ batch: 1, expires: 5e9 }),
  );

/** The answer may be a message of a stream, which comes under its own subject. */
export const ask = (
  broker: Broker,
  subject: string | undefined,
  payload: string | Uint8Array,
) =>
  broker.nc.request(subject ?? "", payload, {
    timeout: 10_000,
    noMux: true,
    reply: broker.createInbox(),
  });

export const requestOf = (msg: { json: <T>() => T }): string =>
  msg.json<{ prompt: string }>().prompt;
