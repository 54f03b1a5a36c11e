/** The keys that work now, in memory: those of the settings, and those of KEYS. Every call asks it. */
import { sweepEvery } from "@jetscribe/event-log/broker/sweepEvery";
import type { KeyRecord } from "@jetscribe/schema";
import { hash } from "node:crypto";
import { keyOf, seesAllOwners, type ApiKey } from "./apiKeys.ts";

export type KeyRing = ReturnType<typeof makeKeyRing>;

const ended = "the key has ended";
/** A key whose time is over ends what it holds within so long. */
const sweepEveryMs = 200;

interface Held {
  key: ApiKey;
  end: AbortController;
  calls: number;
}

/** `nowS`: the broker's clock, by which keys expire, in seconds since the epoch. */
export function makeKeyRing(
  fromSettings: readonly ApiKey[],
  nowS: () => number,
) {
  const fixed = new Set(fromSettings.map(({ id }) => id));
  let byDigest: ReadonlyMap<string, ApiKey> = new Map();
  let byId: ReadonlyMap<string, ApiKey> = new Map();
  /** The newest first; those of the settings last. */
  let byOwner: ReadonlyMap<string, readonly ApiKey[]> = new Map();
  /** Of the keys and read tokens that hold a stream or a wait, and by how many calls. */
  const held = new Map<string, Held>();

  // The clock is asked only about a key that expires: every call comes here.
  const working = (key: ApiKey | undefined): ApiKey | undefined =>
    key?.expires_at !== undefined && isExpired(key, nowS()) ? undefined : key;
  /** Whether the key may still do all that it might when it was looked up. */
  const holds = (key: ApiKey): boolean => {
    const now = byId.get(key.id);
    return (
      now !== undefined &&
      !isExpired(now, nowS()) &&
      !isExpired({ expires_at: key.token_expires_at }, nowS()) &&
      key.scopes.isSubsetOf(now.scopes) &&
      (seesAllOwners(now) || !seesAllOwners(key))
    );
  };
  function endWhatIsOver(): void {
    for (const [name, { key, end }] of held)
      if (!holds(key)) {
        held.delete(name);
        end.abort(ended);
      }
  }
  function hold(key: ApiKey, over: AbortSignal): AbortSignal {
    const { id, token_expires_at, scopes } = key;
    const name = [id, token_expires_at, seesAllOwners(key), ...scopes].join(" "); // prettier-ignore
    const one = held.get(name) ?? { key, end: new AbortController(), calls: 0 };
    if (over.aborted) return one.end.signal;
    held.set(name, one);
    one.calls++;
    const release = () => {
      one.calls--;
      if (one.calls === 0 && held.get(name) === one) held.delete(name);
    };
    over.addEventListener("abort", release, { once: true });
    return one.end.signal;
  }
  function set(records: Iterable<KeyRecord>): void {
    const made = [...records]
      .filter(({ revoked_at }) => revoked_at === undefined)
      .toSorted((a, b) => b.created_at - a.created_at)
      .map(keyOf);
    const all = [...made, ...fromSettings];
    byDigest = new Map(all.map((key) => [key.digest, key]));
    byId = new Map(all.map((key) => [key.id, key]));
    byOwner = Map.groupBy(all, ({ owner }) => owner);
    endWhatIsOver();
  }
  set([]);
  const sweeping = sweepEvery(sweepEveryMs, endWhatIsOver);

  return {
    /**
     * The key that a caller gave; undefined: it does not work. The time does not depend on the number of keys. The time of
     * a `Map` look-up tells nothing about a key: the caller can't choose the digest that is compared.
     */
    find: (given: string) => working(byDigest.get(hash("sha256", given))),
    /** By its id; undefined: it does not work. */
    withId: (id: string) => working(byId.get(id)),
    /** The keys of an owner (a slug) that work, the newest first. */
    ofOwner: (owner: string): ApiKey[] =>
      (byOwner.get(owner) ?? []).filter((key) => working(key)),
    /** Takes the keys of KEYS as they are now. What a key holds that is gone, or lost a scope, ends. */
    set,
    /**
     * Aborts when the key is revoked, expires or loses a scope, or when the read token that was given for it ends.
     * Undefined: a key of the settings, which never does. Once `over` has aborted, with the call, nobody hears of it.
     */
    endOf: (key: ApiKey, over: AbortSignal): AbortSignal | undefined => {
      const { id, token_expires_at } = key;
      if (fixed.has(id) && token_expires_at === undefined) return undefined;
      const now = byId.get(id);
      // It may have ended since it was looked up.
      if (now === undefined || !holds(key)) return AbortSignal.abort(ended);
      return hold(token_expires_at === undefined ? now : key, over);
    },
    /** Whether the key has ended since it was looked up, as `endOf` says. */
    hasEnded: (key: ApiKey): boolean => !holds(key),
    [Symbol.dispose]: () => sweeping[Symbol.dispose](),
  };
}

export const isExpired = (
  { expires_at }: { expires_at?: number | undefined },
  nowS: number,
): boolean => expires_at !== undefined && expires_at <= nowS;
