/** Subscribers that are added to and removed from a private nats-server while the system runs. */
import type { Role } from "@jetscribe/event-log/accounts/roles";
import { makeUserKey } from "@jetscribe/event-log/accounts/nkeys";
import {
  questionOf,
  type Subscriber,
} from "@jetscribe/event-log/accounts/subscriber";
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
import { bringIn, shutOut } from "@jetscribe/event-log/subscribers/standing";
import { brokerOf } from "@jetscribe/runtime";
import { seedFileOf, writeSubscribers } from "@jetscribe/runtime/ownAccounts";
import { natsVersions, startNats, type NatsVersion } from "@jetscribe/testing";
import assert from "node:assert/strict";
import {
  mkdtempSync,
  readFileSync,
  rmSync,
  statSync,
  symlinkSync,
  writeFileSync,
} from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { onTestFinished, test } from "vitest";
import {
  keepAccounts,
  prepareOwnBroker,
} from "../../scripts/system/ownBroker.ts";

for (const version of await natsVersions())
  test(`subscribers come and go, and nobody else notices (${version})`, async () => {
    const own = await openOwn(version);
    const { dataDir, names, enter, operator } = own;
    await ensureWorkQueue(operator, queue, { ackWaitMs: 60_000 });
    const [gateway, worker] = [
      await enter("gateway"),
      await enter("inference"),
    ];
    using appender = makeAppender(gateway, "gateway");
    let losses = 0;
    for (const broker of [operator, gateway, worker])
      broker.onDisconnect(() => losses++);

    const goneMs: number[] = [];
    let last = subscriberOf(dataDir, "s0");
    writeSubscribers(dataDir, [last.entry]);
    let subscriber = await enter("auditor", last.seedFile);
    for (const name of ["s1", "s2", "s3"]) {
      const standing = next(worker);
      const { promise: gone, resolve } = Promise.withResolvers<void>();
      subscriber.onDisconnect(resolve);
      last = subscriberOf(dataDir, name);
      const removedAt = performance.now();
      writeSubscribers(dataDir, [last.entry]);
      await gone;
      goneMs.push(performance.now() - removedAt);
      assert.equal(subscriber.connected, false);
      subscriber = await enter("auditor", last.seedFile); // The same reload let it in.
      await appender.append(requestedBy(queue), queue);
      const { reply = "" } = await standing;
      await worker.nc.request(reply, "+ACK", { timeout: 60_000 });
    }
    // The machine may be busy with other tests: a delay of its own is in each of them.
    assert.ok(Math.min(...goneMs) < 1_000, `out after ${goneMs.join(", ")} ms`);
    const info = await operator.jsm.consumers.info(
      names.streams.events,
      names.workConsumerName(queue),
    );
    assert.equal(info.ack_floor.stream_seq, 3);
    assert.equal(losses, 0);
  });

for (const version of await natsVersions())
  test(`an account that comes again has its consumer at one writing of the list (${version})`, async () => {
    const own = await openOwn(version);
    for (let i = 0; i < 2; i++) {
      await bringIn(own.guest, own.writing([own.entry]), own.within);
      await shutOut(own.guest, own.writing([]), own.within);
    }
  });

test("a subscriber is let in also where the second reload fell together with the first", async () => {
  let reloads = 0;
  const own = await openOwn("newest", () => ++reloads !== 2);
  await bringIn(own.guest, own.writing([own.entry]), own.within);
  assert.ok(reloads > 2);
});

/** A broker whose accounts are kept until the test ends, and who may come; `isHeard`: whether nats-server hears this signal. */
async function openOwn(version: NatsVersion, isHeard = () => true) {
  const opened = new AsyncDisposableStack();
  onTestFinished(() => opened.disposeAsync());
  const dataDir = mkdtempSync(join(tmpdir(), "jetscribe-own-"));
  opened.defer(() => rmSync(dataDir, { recursive: true }));
  const names = prepareOwnBroker(dataDir, undefined);
  const config = ['include "nats/accounts.conf"'];
  const nats = opened.use(await startNats({ version, dataDir, config }));
  const stopping = new AbortController();
  opened.defer(() => stopping.abort());
  const send = (signal: NodeJS.Signals) => {
    if (isHeard()) void nats.kill(signal);
  };
  keepAccounts(dataDir, names, { send }, stopping.signal);
  const enter = async (role: Role, seedFile = seedFileOf(dataDir, role)) =>
    opened.use(
      await connectBroker({
        ...brokerOf({ NATS_URL: nats.url, NATS_NKEY_FILE: seedFile }, role),
        name: "test",
      }),
    );
  const operator = await enter("operator");
  await ensureTopology(operator, settings);
  const { seedFile, entry } = subscriberOf(dataDir, "s1");
  return {
    ...{ dataDir, names, enter, operator, entry },
    guest: {
      ...{ url: nats.url, seed: readFileSync(seedFile, "utf8") },
      question: questionOf("s1", names),
    },
    within: AbortSignal.timeout(60_000),
    writing: (list: Subscriber[]) => () => {
      writeSubscribers(dataDir, list);
      return Promise.resolve();
    },
  };
}

test("a seed that can't be read is none to be replaced", () => {
  const dataDir = mkdtempSync(join(tmpdir(), "jetscribe-own-"));
  onTestFinished(() => rmSync(dataDir, { recursive: true }));
  prepareOwnBroker(dataDir, undefined);
  const file = seedFileOf(dataDir, "results");
  rmSync(file);
  symlinkSync(file, file); // It is there, and nobody can tell what it holds.
  const before = readFileSync(join(dataDir, "nats/accounts.conf"), "utf8");
  assert.throws(() => prepareOwnBroker(dataDir, undefined), /ELOOP/);
  const after = readFileSync(join(dataDir, "nats/accounts.conf"), "utf8");
  assert.equal(after, before);
});

test("the seeds are for their owner only, stay, and stand nowhere else", () => {
  const dataDir = mkdtempSync(join(tmpdir(), "jetscribe-own-"));
  onTestFinished(() => rmSync(dataDir, { recursive: true }));
  prepareOwnBroker(dataDir, "shop");
  const file = seedFileOf(dataDir, "gateway");
  const seed = readFileSync(file, "utf8");
  assert.match(seed, /^SU[A-Z2-7]{56}\n$/);
  assert.equal(statSync(file).mode & 0o777, 0o600);
  assert.equal(statSync(join(dataDir, "credentials")).mode & 0o777, 0o700);
  const accounts = () =>
    readFileSync(join(dataDir, "nats/accounts.conf"), "utf8");
  assert.ok(!accounts().includes(seed.trim()));
  const before = accounts();
  prepareOwnBroker(dataDir, "shop");
  assert.equal(accounts(), before);

  // A crash of the machine may leave an empty file.
  writeFileSync(file, "");
  prepareOwnBroker(dataDir, "shop");
  assert.match(readFileSync(file, "utf8"), /^SU/);
  assert.notEqual(accounts(), before);
  // A list that can't be read shuts nobody out without a word, and gives nats-server nothing that it can't read.
  const { entry } = subscriberOf(dataDir, "twice");
  const quoted = { ...entry, name: 'a" {}' };
  for (const list of ["[", [quoted], [entry, entry]].map((one) =>
    typeof one === "string" ? one : JSON.stringify(one),
  )) {
    writeFileSync(join(dataDir, "subscribers.json"), list);
    assert.throws(
      () => prepareOwnBroker(dataDir, "shop"),
      /subscribers.json is no list of subscribers/,
    );
  }
  assert.throws(() => prepareOwnBroker(dataDir, "9"), /NAMESPACE=9: expected/);
});

function subscriberOf(dataDir: string, name: string) {
  const { seed, publicKey } = makeUserKey();
  const seedFile = join(dataDir, `${name}.nk`);
  writeFileSync(seedFile, seed);
  const entry: Subscriber = {
    ...{ name, publicKey, noText: false, api: false },
    createdAt: new Date().toISOString(),
  };
  return { seedFile, entry };
}

/** The next request of the queue, by a pull that stands until there is one, over a reload too. */
const next = (broker: Broker) =>
  broker.nc.request(
    `$JS.API.CONSUMER.MSG.NEXT.${broker.streams.events}.${broker.workConsumerName(queue)}`,
    JSON.stringify({ batch: 1, expires: 60e9 }),
    // It comes under its own subject.
    { timeout: 60_000, noMux: true, reply: broker.createInbox() },
  );
