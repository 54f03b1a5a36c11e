/** The broker that the system runs itself, by `npm start` or in containers: it follows a list of its subscribers, which the commands write. */
import {
  bringIn,
  makeKnown,
  shutOut,
  type Guest,
} from "@jetscribe/event-log/subscribers/standing";
import {
  questionOf,
  type Subscriber,
} from "@jetscribe/event-log/accounts/subscriber";
import { makeUserKey } from "@jetscribe/event-log/accounts/nkeys";
import type { Broker } from "@jetscribe/event-log/broker/connection";
import { BrokerSettings, readConfig } from "@jetscribe/runtime";
import {
  OwnBrokerSettings,
  readSubscribers,
  subscriberSeedOf,
  subscribersLockOf,
  writeSubscribers,
} from "@jetscribe/runtime/ownAccounts";
import { writePrivate } from "@jetscribe/runtime/writePrivate";
import { existsSync, mkdirSync, readFileSync, rmSync } from "node:fs";
import { dirname, resolve } from "node:path";
import { withLock } from "../../../../scripts/install/lock.mjs";
import type { Context } from "../context.ts";
import { failed } from "../exit.ts";

const Settings = BrokerSettings.pick({ NATS_URL: true }).extend(
  OwnBrokerSettings.shape,
);

/** In containers a change is seen within a second, and `remove` makes two. A machine under load takes several times that. */
const takenInWithinMs = 30_000;

/** Where the subscribers and their seeds are kept; `own` is undefined where somebody else configures the broker. */
export function placeFor({ env, signal }: Pick<Context, "env" | "signal">) {
  const { NATS_URL: url, OWN_BROKER_DIR: dataDir } = readConfig(Settings, env);
  const seedFile = (name: string) =>
    dataDir === undefined
      ? resolve(`${name}.nk`)
      : subscriberSeedOf(dataDir, name);
  return {
    url,
    seedFile,
    /** Only for the user who runs this. Returns its file. Throws where there is one already. */
    keepSeed: (name: string, seed: string): string => {
      const file = seedFile(name);
      if (existsSync(file))
        throw failed(
          `${file} is there already: remove it, or take another name`,
        );
      mkdirSync(dirname(file), { recursive: true, mode: 0o700 });
      writePrivate(file, `${seed}\n`);
      return file;
    },
    removeSeed: (name: string) => rmSync(seedFile(name), { force: true }),
    /**
     * Runs while no other command changes the subscribers: what it finds stays, from its first look to the broker's taking
     * it in. On a broker that somebody else configures there is no list to keep whole.
     */
    alone: <T>(work: () => Promise<T>): Promise<T> =>
      dataDir === undefined
        ? work()
        : withLock(subscribersLockOf(dataDir), work, { signal }),
    own: dataDir === undefined ? undefined : ownBroker(dataDir, url, signal),
  };
}

function ownBroker(dataDir: string, url: string, signal: AbortSignal) {
  /** Each writing of the list is a reload; one that brings an account is two. */
  const change =
    (to: (list: Subscriber[]) => Subscriber[]) => (): Promise<void> => {
      writeSubscribers(dataDir, to(readSubscribers(dataDir)));
      return Promise.resolve();
    };
  const guest = (broker: Broker, name: string): Guest => ({
    ...{ url, question: questionOf(name, broker) },
    seed: readFileSync(subscriberSeedOf(dataDir, name), "utf8"),
  });
  const taken = async (doing: (signal: AbortSignal) => Promise<void>) => {
    const within = AbortSignal.timeout(takenInWithinMs);
    await doing(AbortSignal.any([signal, within])).catch((cause: unknown) => {
      signal.throwIfAborted();
      throw failed(
        `the broker has not taken it in within ${takenInWithinMs / 1_000} s: does the system run? The output of npm start, or of the container nats, may say more`,
        cause,
      );
    });
  };
  const without = (name: string) => (list: Subscriber[]) =>
    list.filter((one) => one.name !== name);
  return {
    list: () => readSubscribers(dataDir),
    /** Resolves once the subscriber is let in, and has its consumer. */
    letIn: (broker: Broker, subscriber: Subscriber) =>
      taken((within) => {
        const { name } = subscriber;
        const add = change((list) => [...without(name)(list), subscriber]);
        return bringIn(guest(broker, name), add, within);
      }),
    /**
     * Resolves once the credentials are good for nothing. The subscriber gets another key first, known to nobody: the broker that
     * lets that one in has forgotten the former one, whose seed may be anywhere.
     */
    shutOut: (name: string) =>
      taken(async (within) => {
        const { seed, publicKey } = makeUserKey();
        const replace = change((list) =>
          list.map((one) => (one.name === name ? { ...one, publicKey } : one)),
        );
        await makeKnown({ url, seed }, replace, within);
        await shutOut({ url, seed }, change(without(name)), within);
      }),
  };
}
