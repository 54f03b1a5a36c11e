import { hash, randomInt } from "node:crypto";
import type { MadeKey } from "./decideKeys.ts";

const alphabet =
  "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789";
/** 71 bits. */
const idLength = 12;
/** 256 bits. */
const secretLength = 43;

/**
 * A new random key, `jsk_<id>_<secret>`: its beginning lets scanners of secrets find it, and a double click takes all of
 * it. Only the caller ever has `key`.
 */
export function newKey(): MadeKey & { key: string } {
  const key_id = randomText(idLength);
  const prefix = `jsk_${key_id}`;
  const key = `${prefix}_${randomText(secretLength)}`;
  return { key, key_id, prefix, digest: hash("sha256", key) };
}

const randomText = (length: number): string =>
  Array.from({ length }, () => alphabet[randomInt(alphabet.length)]).join("");
