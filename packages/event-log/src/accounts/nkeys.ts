/** Nkeys of users: a pair of Ed25519 keys. The server knows the public one, the user's file holds the seed. */
import { nkeys } from "@nats-io/nats-core";

export interface UserKey {
  /** Begins with `SU`. A secret: it goes into a file and nowhere else. */
  seed: string;
  /** Begins with `U`. */
  publicKey: string;
}

export function makeUserKey(): UserKey {
  const key = nkeys.createUser();
  const seed = Buffer.from(key.getSeed()).toString();
  return { seed, publicKey: key.getPublicKey() };
}

/** The public key of a user's seed. Throws where the text is none; the error repeats nothing of it. */
export function publicKeyOf(seed: string): string {
  const publicKey = keyOf(seed.trim())?.getPublicKey();
  if (publicKey?.startsWith("U") !== true)
    throw new Error("expected the seed of a user's nkey, which begins with SU");
  return publicKey;
}

function keyOf(seed: string) {
  try {
    return nkeys.fromSeed(Buffer.from(seed));
  } catch {
    return undefined;
  }
}
