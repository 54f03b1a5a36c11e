/** The addresses of a name. */
import type { LookupAddress } from "node:dns";
import { Resolver } from "node:dns/promises";

/** Rejects where the name has no address, or with the signal's reason. */
export type Resolve = (
  name: string,
  signal: AbortSignal,
) => Promise<LookupAddress[]>;

/**
 * By the DNS servers of the system. The system's own resolver has four threads for all names, each of which a slow server
 * may hold for many seconds; this one waits on sockets, and ends with its signal. So it knows nothing of `/etc/hosts` and
 * of search lists. `localhost` is this machine, as RFC 6761 wants it.
 */
export const resolveByDns: Resolve = async (name, signal) => {
  if (/^(.+\.)?localhost$/.test(name)) return loopback;
  const resolver = new Resolver({ timeout: 2_500, tries: 2 });
  const cancel = () => resolver.cancel();
  signal.addEventListener("abort", cancel, { once: true });
  try {
    const [v4, v6] = await Promise.allSettled([
      resolver.resolve4(name),
      resolver.resolve6(name),
    ]);
    signal.throwIfAborted();
    const found = [...addressesOf(v4, 4), ...addressesOf(v6, 6)];
    if (found.length === 0 && v4.status === "rejected") throw v4.reason;
    return found;
  } finally {
    signal.removeEventListener("abort", cancel);
  }
};

const loopback: LookupAddress[] = [
  { address: "127.0.0.1", family: 4 },
  { address: "::1", family: 6 },
];

const addressesOf = (
  answer: PromiseSettledResult<string[]>,
  family: 4 | 6,
): LookupAddress[] =>
  answer.status === "fulfilled"
    ? answer.value.map((address) => ({ address, family }))
    : [];
