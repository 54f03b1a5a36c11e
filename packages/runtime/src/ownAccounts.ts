/**
 * Who is let into a broker that the system runs itself. In DATA_DIR: `credentials/<role>.nk` the seeds of the services'
 * users, `subscribers.json` the subscribers with their public keys, `subscribers.lock` who changes them, `nats/accounts.conf`
 * what nats-server reads of both.
 */
import { accountsConfig } from "@jetscribe/event-log/accounts/accountsConfig";
import { makeUserKey, publicKeyOf } from "@jetscribe/event-log/accounts/nkeys";
import { roles, type Role } from "@jetscribe/event-log/accounts/roles";
import { Subscriber } from "@jetscribe/event-log/accounts/subscriber";
import type { Names } from "@jetscribe/schema";
import { existsSync, mkdirSync, readFileSync } from "node:fs";
import { join } from "node:path";
import * as z from "zod";
import { readIfThere, writePrivate } from "./writePrivate.ts";

/** For commands that let somebody into the system's own broker, or shut somebody out; `npm run jetscribe` and Compose set it. */
export const OwnBrokerSettings = z.object({
  OWN_BROKER_DIR: z.string().optional(),
});

/** The seed of a service's user. It is there once `writeAccounts` was called. */
export const seedFileOf = (dataDir: string, role: Role): string =>
  join(dataDir, "credentials", `${role}.nk`);

/** The settings by which every program connects as its own user. */
export const loginOf = (dataDir: string) => ({
  NATS_NKEY_FILE: join(dataDir, "credentials", "{user}.nk"),
  NATS_CREDS_FILE: undefined,
});

export const subscribersFileOf = (dataDir: string): string =>
  join(dataDir, "subscribers.json");

/** Held by whoever adds or removes a subscriber. */
export const subscribersLockOf = (dataDir: string): string =>
  join(dataDir, "subscribers.lock");

export const accountsFileOf = (dataDir: string): string =>
  join(dataDir, "nats", "accounts.conf");

/** The seed of a subscriber's user. */
export const subscriberSeedOf = (dataDir: string, name: string): string =>
  join(dataDir, "credentials", "subscribers", `${name}.nk`);

/**
 * Makes the seeds that are missing, and writes what nats-server reads. Returns the subscribers that are in it. Throws where
 * the list of subscribers can't be read.
 */
export function writeAccounts(dataDir: string, names: Names): Subscriber[] {
  for (const folder of ["credentials", "nats"])
    mkdirSync(join(dataDir, folder), { recursive: true, mode: 0o700 });
  const users = roles.map((role) => ({
    role,
    publicKey: ensureSeed(seedFileOf(dataDir, role)),
  }));
  const subscribers = readSubscribers(dataDir);
  const text = accountsConfig({ names, users, subscribers });
  writePrivate(accountsFileOf(dataDir), text);
  return subscribers;
}

/** What a hand may have changed: nats-server would not start with accounts that it can't read. */
const SubscriberList = z
  .array(Subscriber)
  .refine(
    (list) => new Set(list.map(({ name }) => name)).size === list.length,
    "two have the same name",
  );

/** Throws where the file is no such list: without it every subscriber would be shut out. */
export function readSubscribers(dataDir: string): Subscriber[] {
  const file = subscribersFileOf(dataDir);
  if (!existsSync(file)) return [];
  try {
    return SubscriberList.parse(JSON.parse(readFileSync(file, "utf8")));
  } catch (cause) {
    const why =
      cause instanceof z.ZodError ? z.prettifyError(cause) : String(cause);
    throw new Error(
      `${file} is no list of subscribers: restore it, or remove it and add them again\n${why}`,
      { cause },
    );
  }
}

export const writeSubscribers = (
  dataDir: string,
  subscribers: readonly Subscriber[],
): void =>
  writePrivate(
    subscribersFileOf(dataDir),
    `${JSON.stringify(subscribers, undefined, 2)}\n`,
  );

/**
 * The public key of the seed that the file holds; where there is none in it, as after a crash of the machine, one is made.
 * Throws where the file can't be read: a new seed would shut out whoever has the old one.
 */
function ensureSeed(file: string): string {
  const found = publicKeyIn(readIfThere(file) ?? "");
  if (found !== undefined) return found;
  const { seed, publicKey } = makeUserKey();
  writePrivate(file, `${seed}\n`);
  return publicKey;
}

function publicKeyIn(seed: string): string | undefined {
  try {
    return publicKeyOf(seed);
  } catch {
    return undefined;
  }
}
