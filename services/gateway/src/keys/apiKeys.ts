/** Who may call: named keys, of which only digests are kept. */
import {
  Scope,
  slugIfAny,
  slugOf,
  type KeyLimits,
  type KeyRecord,
  type Webhook,
} from "@jetscribe/schema";
import { hash } from "node:crypto";
import * as z from "zod";

export interface ApiKey {
  /** Names the key itself: two keys may have one name. It is no secret. */
  id: string;
  /** As it was given; it stands in the events as `owner`. */
  name: string;
  /** The name's slug, as it stands in subjects. */
  owner: string;
  /** SHA-256 in hex: keys are random, so a slow hash would only be a lever for denial of service. */
  digest: string;
  scopes: ReadonlySet<Scope>;
  /** Absent: only the gateway's limits hold. */
  limits?: KeyLimits;
  /** Of its requests that name none; absent: they have none. */
  webhook?: Webhook;
  /** Seconds since the epoch, by the broker's clock; absent: never. */
  expires_at?: number;
  /** Of a read token, when it ends: seconds since the epoch, by the broker's clock. Absent: the key itself was given. */
  token_expires_at?: number;
  /** Of a read-only link: whether it shows the tasks of every owner. Absent: no link was given. */
  link?: { all_owners: boolean };
}

/** Whether tasks of every owner are shown for the key, without their texts. */
export const seesAllOwners = ({
  scopes,
  link,
}: Pick<ApiKey, "scopes" | "link">): boolean =>
  link?.all_owners ?? scopes.has("admin");

/**
 * `name:key,name:key`; a key may be given as `sha256:<hex>`. Each key has every scope but `admin`; the first key has that
 * too. No message repeats what is in it.
 */
export const ApiKeyList = z.string().transform((text, context): ApiKey[] => {
  try {
    return parseApiKeys(text);
  } catch (error) {
    const message = error instanceof Error ? error.message : String(error);
    context.addIssue({ code: "custom", message });
    return z.NEVER;
  }
});

function parseApiKeys(text: string): ApiKey[] {
  const keys = text.split(",").map((pair, i) => parsePair(pair.trim(), i));
  const owners = new Set(keys.map(({ owner }) => owner));
  if (owners.size < keys.length)
    throw new RangeError(
      "two keys have the same name, or names that differ too little",
    );
  const digests = new Set(keys.map(({ digest }) => digest));
  if (digests.size < keys.length)
    throw new RangeError("two names have the same key");
  return keys;
}

function parsePair(pair: string, index: number): ApiKey {
  const place = index + 1;
  const colon = pair.indexOf(":");
  const name = pair.slice(0, colon).trim();
  const key = pair.slice(colon + 1).trim();
  if (colon < 1 || name === "" || key === "")
    throw new RangeError(`entry ${place}: expected name:key`);
  const owner = slugIfAny(name);
  if (owner === undefined)
    throw new RangeError(`entry ${place}: a name needs a letter or a digit`);
  if (/^["'`]/.test(name) || /^["'`]|["'`]$/.test(key))
    throw new RangeError(`entry ${place}: quotes would be part of the key`);
  // Nothing else comes through an HTTP header as it was sent.
  if (!/^[\x21-\x7e]+$/.test(key))
    throw new RangeError(
      `entry ${place}: a key is of ASCII letters, digits and signs, without spaces`,
    );
  return {
    id: `env:${owner}`,
    name,
    owner,
    digest: digestOf(key, place),
    scopes: index === 0 ? allScopes : allButAdmin,
  };
}

const allScopes = new Set(Scope.options);
const allButAdmin = new Set(Scope.options.filter((scope) => scope !== "admin"));

function digestOf(key: string, place: number): string {
  if (!key.startsWith("sha256:")) return hash("sha256", key);
  const hex = key.slice("sha256:".length);
  if (!/^[0-9a-f]{64}$/i.test(hex))
    throw new RangeError(
      `entry ${place}: expected 64 hex digits after sha256:`,
    );
  return hex.toLowerCase();
}

/** A key of KEYS as calls use it. */
export function keyOf(record: KeyRecord): ApiKey {
  const { id, name, digest, limits, webhook, expires_at } = record;
  return {
    ...{ id, name, owner: slugOf(name), digest },
    scopes: new Set(record.scopes.filter(isScope)),
    ...(limits && { limits }),
    ...(webhook && { webhook }),
    ...(expires_at !== undefined && { expires_at }),
  };
}

/** Others are of a later version. */
const isScope = (word: string): word is Scope =>
  Scope.options.some((scope) => scope === word);
