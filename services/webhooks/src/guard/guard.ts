/** Keeps webhooks out of the private network: every address is looked at before it is connected to, and stays the same. */
import type { LookupAddress } from "node:dns";
import {
  isAddress,
  mayBeReached,
  networkOf,
  type Network,
} from "./addresses.ts";
import type { Resolve } from "./resolve.ts";

/** Where webhooks may go, beyond https on public addresses. */
export interface Allowed {
  http: boolean;
  /** Undefined: all of them. */
  ports: ReadonlySet<number> | undefined;
  networks: readonly Network[];
  /** Names whose addresses may be any, in lower case. */
  names: ReadonlySet<string>;
}

/** A list of addresses, networks and names as a setting has it; undefined: one of them is none of these. */
export function allowedOf(
  list: readonly string[],
): Pick<Allowed, "networks" | "names"> | undefined {
  const networks = list.flatMap((one) => {
    const network = networkOf(one);
    return network === undefined ? [] : [network];
  });
  const names = list
    .filter((one) => networkOf(one) === undefined)
    .map((name) => name.toLowerCase());
  if (!names.every((name) => /^[a-z0-9_-]+(\.[a-z0-9_-]+)*$/.test(name)))
    return undefined;
  return { networks, names: new Set(names) };
}

/** An address that webhooks may not go to. The message names no address: it may reach the log. */
export class RefusedAddress extends Error {
  override readonly name = "RefusedAddress";
  readonly code = "REFUSED_ADDRESS";
}

/**
 * The addresses that may be connected to, and no others. Rejects with a RefusedAddress, with what the resolver rejects
 * with, or with the signal's reason.
 */
export type Guard = (url: URL, signal: AbortSignal) => Promise<LookupAddress[]>;

export const makeGuard =
  (allowed: Allowed, resolve: Resolve): Guard =>
  async (url, signal) => {
    refuseScheme(url, allowed);
    refusePort(url, allowed);
    const host = hostOf(url);
    const addresses = isAddress(host)
      ? [{ address: host, family: host.includes(":") ? 6 : 4 }]
      : await resolve(host, signal);
    // One bad address of several is as good as bad: which one is connected to may be up to others.
    const isFree =
      allowed.names.has(host) ||
      addresses.every(({ address }) => mayBeReached(address, allowed.networks));
    if (!isFree) throw new RefusedAddress("a private address");
    return addresses;
  };

/** A name without the dot at its end, or an address without its brackets. The URL parser has made it lower case. */
export const hostOf = ({ hostname }: URL): string =>
  hostname.replace(/^\[|\]$|\.$/g, "");

function refuseScheme({ protocol }: URL, { http }: Allowed): void {
  const isFree = protocol === "https:" || (http && protocol === "http:");
  if (!isFree) throw new RefusedAddress("not https");
}

function refusePort(url: URL, { ports }: Allowed): void {
  if (ports?.has(portOf(url)) === false) throw new RefusedAddress("its port");
}

export const portOf = ({ protocol, port }: URL): number =>
  port === "" ? (protocol === "https:" ? 443 : 80) : Number(port);
