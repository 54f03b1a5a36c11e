/** The keys that work now, in memory: those of the settings, and those of KEYS. Every call asks it. */
import { sweepEvery } from "@jetscribe/event-log/broker/sweepEvery";
import type { KeyRecord } from "@jetscribe/schema";
import { hash } from "node:crypto";
import { keyOf, seesAllOwners, type ApiKey } from "./apiKeys.ts";

export type KeyRing = ReturnType<typeof makeKeyRing>;

const ended = "the key has ended";
/** A key whose time is over ends what it holds within so long. */
const sweepEveryMs = 200;

/** `nowS`: the broker's clock, by which keys expire, in seconds since the epoch. */
export function makeKeyRing(
  fromSettings: readonly ApiKey[],
  nowS: () => number,
) {
  const fixed = new Set(fromSettings.map(({ id }) => id));
  let byDigest: ReadonlyMap<string, ApiKey> = new Map();
  let byId: ReadonlyMap<string, ApiKey> = new Map();
  /** Of the keys and read tokens that hold a stream or a wait, or held one. */
  const held = new Map<string, { key: ApiKey; end: AbortController }>();

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
  function set(records: Iterable<KeyRecord>): void {
    const made = [...records].flatMap((record) =>
      record.revoked_at === undefined ? [keyOf(record)] : [],
    );
    const all = [...made, ...fromSettings];
    byDigest = new Map(all.map((key) => [key.digest, key]));
    byId = new Map(all.map((key) => [key.id, key]));
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
    /** Takes the keys of KEYS as they are now. What a key holds that is gone, or lost a scope, ends. */
    set,
    /**
     * Aborts when the key is revoked, expires or loses a scope, or when the read token that was given for it ends.
     * Undefined: a key of the settings, which never does.
     */
    endOf: (key: ApiKey): AbortSignal | undefined => {
      const { id, token_expires_at } = key;
      if (fixed.has(id) && token_expires_at === undefined) return undefined;
      const now = byId.get(id);
      // It may have ended since it was looked up.
      if (now === undefined || !holds(key)) return AbortSignal.abort(ended);
      const given = token_expires_at === undefined ? now : key;
      const sees = seesAllOwners(given);
      const name = [id, token_expires_at, sees, ...given.scopes].join(" ");
      const end = held.get(name)?.end ?? new AbortController();
      held.set(name, { key: given, end });
      return end.signal;
    },
    [Symbol.dispose]: () => sweeping[Symbol.dispose](),
  };
}

export const isExpired = (
  { expires_at }: { expires_at?: number | undefined },
  nowS: number,
): boolean => expires_at !== undefined && expires_at <= nowS;
