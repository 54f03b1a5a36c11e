/** A broker with accounts: the services' account, whose one user may do everything, and subscribers. */
import { makeNames, streams, type Queue } from "@jetscribe/schema";
import { queue } from "@jetscribe/schema/test/taskEventsTestKit";
import {
  startNats,
  type NatsOptions,
  type TestServer,
} from "@jetscribe/testing";
import { jetstream, type Consumer, type JsMsg } from "@nats-io/jetstream";
import { nkeyAuthenticator, type Msg } from "@nats-io/nats-core";
import { connect, type NatsConnection } from "@nats-io/transport-node";
import { mkdtemp, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { apiPrefix } from "../src/accounts/access.ts";
import { accountsConfig } from "../src/accounts/accountsConfig.ts";
import { makeUserKey, publicKeyOf } from "../src/accounts/nkeys.ts";
import { bringIn, makeKnown, shutOut } from "../src/subscribers/standing.ts";
import { questionOf, type Subscriber } from "../src/accounts/subscriber.ts";
import {
  makeDurable,
  removeDurable,
} from "../src/subscribers/subscriberDurable.ts";
import { makeAppender, type Appender } from "../src/append/append.ts";
import { connectBroker, type Broker } from "../src/broker/connection.ts";
import { ensureTopology } from "../src/streams/topology.ts";
import { settings } from "./eventLogTestKit.ts";

/** Two owners' tasks. */
export const ofA: Queue = { ...queue, owner: "a" };
export const ofB: Queue = { ...queue, owner: "b" };

/** As a subscriber's program gets its durable consumer. */
export const consumerOf = (
  nc: NatsConnection,
  name: string,
): Promise<Consumer> =>
  jetstream(nc, { apiPrefix }).consumers.get(streams.events, `sub=${name}`);

/** The next message of its durable consumer; null where none comes. */
export async function take(
  nc: NatsConnection,
  name: string,
): Promise<JsMsg | null> {
  const consumer = await consumerOf(nc, name);
  return await consumer.next({ expires: 60_000 });
}

/** Fills with all that a connection may hear from now on. */
export async function hearAll(nc: NatsConnection): Promise<Msg[]> {
  const heard: Msg[] = [];
  nc.subscribe(">", { callback: (_, message) => void heard.push(message) });
  await nc.flush();
  return heard;
}

export type Wanted = Pick<Subscriber, "name"> & Partial<Subscriber>;

export interface Accounts extends AsyncDisposable {
  nats: TestServer;
  /** In the services' account. */
  broker: Broker;
  appender: Appender;
  /** Adds a subscriber: its durable consumer, and its account by a reload. */
  add: (wanted: Wanted) => Promise<void>;
  /** Makes its durable consumer anew, which begins where it is to begin. */
  remake: (name: string) => Promise<void>;
  /** Takes a subscriber's account away, by a reload. */
  remove: (name: string) => Promise<void>;
  /** A connection with a subscriber's credentials; closed with the broker. */
  as: (name: string) => Promise<NatsConnection>;
  seedOf: (name: string) => string;
}

/** A broker of the test's own with the streams and these subscribers on it. */
export async function openAccounts(
  server: Pick<NatsOptions, "version" | "config">,
  ...wanted: Wanted[]
): Promise<Accounts> {
  await using opened = new AsyncDisposableStack();
  const dataDir = await mkdtemp(join(tmpdir(), "jetscribe-accounts-"));
  opened.defer(() => rm(dataDir, { recursive: true, force: true }));
  const seeds = new Map<string, string>();
  const seedOf = (name: string): string => {
    const seed = seeds.get(name) ?? makeUserKey().seed;
    seeds.set(name, seed);
    return seed;
  };
  const toSubscriber = (one: Wanted): Subscriber => ({
    ...{ noText: false, api: false, createdAt: "2026-11-29T00:00:00Z" },
    ...{ from: "1970-01-01T00:00:00Z" },
    publicKey: publicKeyOf(seedOf(one.name)),
    ...one,
  });
  let subscribers = wanted.map(toSubscriber);
  const user = "test";
  const write = () =>
    writeFile(
      join(dataDir, "accounts.conf"),
      accountsConfig({
        ...{ names: makeNames(), users: [], subscribers },
        otherUsers: [`{ user: ${user}, password: ${user} }`],
      }),
    );
  await write();
  const config = ["include ./accounts.conf", ...(server.config ?? [])];
  const nats = opened.use(await startNats({ ...server, dataDir, config }));
  const url = nats.url.replace("://", `://${user}:${user}@`);
  const broker = opened.use(await connectBroker({ url, name: "test" }));
  await ensureTopology(broker, settings);
  for (const one of subscribers) await makeDurable(broker, one);
  const appender = opened.use(makeAppender(broker, "gateway"));
  const reload = async () => {
    await write();
    await nats.kill("SIGHUP");
  };
  const guest = (name: string) => ({
    ...{ url: nats.url, question: questionOf(name, makeNames()) },
    seed: seedOf(name),
  });
  const soon = () => AbortSignal.timeout(60_000);
  const all = opened.move();
  return {
    ...{ nats, broker, appender, seedOf },
    async add(one) {
      const subscriber = toSubscriber(one);
      await makeDurable(broker, subscriber);
      subscribers = [...subscribers, subscriber];
      await makeKnown(guest(one.name), reload, soon());
      await bringIn(guest(one.name), () => nats.kill("SIGHUP"), soon());
    },
    async remake(name) {
      await removeDurable(broker, name);
      for (const one of subscribers)
        if (one.name === name) await makeDurable(broker, one);
    },
    async remove(name) {
      subscribers = subscribers.filter((one) => one.name !== name);
      await shutOut(guest(name), reload, soon());
    },
    async as(name) {
      const seed = new TextEncoder().encode(seedOf(name));
      const authenticator = nkeyAuthenticator(seed);
      const nc = await connect({
        ...{ servers: nats.url, authenticator, reconnect: false },
      });
      all.defer(() => nc.close());
      return nc;
    },
    [Symbol.asyncDispose]: () => all.disposeAsync(),
  };
}
