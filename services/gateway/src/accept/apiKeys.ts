/** Who may call: named keys, of which only digests are kept. */
import { slugIfAny } from "@jetscribe/schema";
import { hash } from "node:crypto";
import * as z from "zod";

export interface ApiKey {
  /** As it was given; it stands in the events as `owner`. */
  name: string;
  /** The name's slug, as it stands in subjects. */
  owner: string;
  /** SHA-256 in hex: keys are random, so a slow hash would only be a lever for denial of service. */
  digest: string;
}

/** `name:key,name:key`; a key may be given as `sha256:<hex>`. No message repeats what is in it. */
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
  const keys = text.split(",").map((pair, i) => parsePair(pair.trim(), i + 1));
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

function parsePair(pair: string, place: number): ApiKey {
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
  return { name, owner, digest: digestOf(key, place) };
}

function digestOf(key: string, place: number): string {
  if (!key.startsWith("sha256:")) return hash("sha256", key);
  const hex = key.slice("sha256:".length);
  if (!/^[0-9a-f]{64}$/i.test(hex))
    throw new RangeError(
      `entry ${place}: expected 64 hex digits after sha256:`,
    );
  return hex.toLowerCase();
}

/**
 * Makes the look-up of a key that a caller gave, whose time does not depend on the number of keys. The time of a `Map`
 * look-up tells nothing about a key: the caller can't choose the digest that is compared.
 */
export function makeFindKey(keys: readonly ApiKey[]) {
  const byDigest = new Map(keys.map((key) => [key.digest, key]));
  return (given: string): ApiKey | undefined =>
    byDigest.get(hash("sha256", given));
}
