/** Pure: what callers are counted by where they are not known by a key. */
import { isIPv4, isIPv6 } from "node:net";

/** Of an address that makes no sense, as a proxy may give it: all of these are counted as one. */
const unknown = "unknown";

/**
 * The address itself; of IPv6 its /64, since a subscriber has all addresses of one. An IPv4 address that is mapped into
 * IPv6, or that has a port, is the address alone.
 */
export function countedAddress(ip: string): string {
  if (isIPv4(ip)) return ip;
  const [, withoutPort = ""] = /^([\d.]+):\d+$/.exec(ip) ?? [];
  if (isIPv4(withoutPort)) return withoutPort;
  const [address = ""] = ip.split("%");
  if (!isIPv6(address)) return unknown;
  const groups = groupsOf(address);
  return mapped(groups) ?? `${groups.slice(0, 4).join(":")}::/64`;
}

/** Whether the caller is on this machine: a person at it, or a proxy that TRUST_PROXY doesn't name. */
export const isLoopback = (counted: string): boolean =>
  counted.startsWith("127.") || counted === "0:0:0:0::/64";

/** All eight, in hex without leading zeros. */
function groupsOf(address: string): string[] {
  // Writes IPv4 at the end in hex, and every group in its shortest form.
  const { hostname } = new URL(`http://[${address}]`);
  const [head = "", tail = ""] = hostname.slice(1, -1).split("::");
  const listed = (part: string) => (part === "" ? [] : part.split(":"));
  const [left, right] = [listed(head), listed(tail)];
  const zeros = Array<string>(8 - left.length - right.length).fill("0");
  return [...left, ...zeros, ...right];
}

function mapped(groups: readonly string[]): string | undefined {
  if (groups.slice(0, 6).join(":") !== "0:0:0:0:0:ffff") return undefined;
  return groups
    .slice(6)
    .flatMap((group) => {
      const value = parseInt(group, 16);
      return [value >> 8, value & 0xff];
    })
    .join(".");
}
