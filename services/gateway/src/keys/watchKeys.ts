/** The keys of KEYS as this gateway knows them. While the broker is away it keeps what it knows. */
import type { Broker } from "@jetscribe/event-log/broker/connection";
import { orAborted } from "@jetscribe/event-log/broker/orAborted";
import { followKeys, type KeyRecords } from "@jetscribe/event-log/keys/keyLog";
import type { Logger } from "@jetscribe/runtime";
import type { KeyRing } from "./keyRing.ts";

export type KeysWatched = ReturnType<typeof watchKeys>;

/** Tells the ring each change. */
export function watchKeys(
  broker: Broker,
  ring: Pick<KeyRing, "set">,
  log: Pick<Logger, "warn">,
) {
  let current: KeyRecords | undefined;
  let changed = Promise.withResolvers<void>();
  const stop = new AbortController();
  const following = followKeys(
    broker,
    {
      onKeys(keys) {
        current = keys;
        ring.set(keys.records.values());
        changed.resolve();
        changed = Promise.withResolvers();
      },
      onGarbage: (seq) => log.warn({ seq }, "a message of KEYS is no event"),
    },
    stop.signal,
  );

  return {
    /** Undefined: they were not read yet. */
    get current() {
      return current;
    },
    /** Resolves once KEYS was read up to a sequence. Rejects with the signal's reason. */
    async reached(seq: number, signal: AbortSignal): Promise<KeyRecords> {
      while (current === undefined || current.seq < seq)
        await orAborted(changed.promise, signal);
      return current;
    },
    async [Symbol.asyncDispose]() {
      stop.abort();
      await following;
    },
  };
}
