/** Pure: which addresses webhooks may go to. */
import ipaddr from "ipaddr.js";

/** A single address counts as a network of one. */
export type Network = [ipaddr.IPv4 | ipaddr.IPv6, number];

/** Undefined: it is neither an address nor a network as `10.0.0.0/8`. */
export function networkOf(text: string): Network | undefined {
  if (ipaddr.isValidCIDR(text)) return ipaddr.parseCIDR(text);
  if (!isAddress(text)) return undefined;
  const address = ipaddr.parse(text);
  return [address, address.kind() === "ipv4" ? 32 : 128];
}

/** An address as the URL parser and the resolver write it: no octal, no short form. */
export const isAddress = (text: string): boolean =>
  ipaddr.IPv4.isValidFourPartDecimal(text) || ipaddr.IPv6.isValid(text);

/** What the internet hands out. Below it, `::7f00:1` reads as 127.0.0.1 to old systems. */
const globalUnicast: Network = [ipaddr.parse("2000::"), 3];
/** In no special range, and answers every virtual machine of Azure with its secrets. */
const metadataServers = new Set(["168.63.129.16"]);

/**
 * Whether the address is a public one, of a machine on the internet: not private, loopback, link-local (the metadata
 * servers of clouds), shared by carriers, multicast, reserved, or an IPv4 address in the form of an IPv6 one.
 */
function isPublic(address: ipaddr.IPv4 | ipaddr.IPv6): boolean {
  if (address.range() !== "unicast") return false;
  return isV4(address)
    ? !metadataServers.has(address.toString())
    : isWithin(address, globalUnicast);
}

const isV4 = (address: ipaddr.IPv4 | ipaddr.IPv6): address is ipaddr.IPv4 =>
  address.kind() === "ipv4";

const isWithin = (
  address: ipaddr.IPv4 | ipaddr.IPv6,
  [network, bits]: Network,
): boolean =>
  address.kind() === network.kind() && address.match([network, bits]);

/** Whether webhooks may go to the address: it is public, or within one of these networks. */
export function mayBeReached(
  text: string,
  allowed: readonly Network[],
): boolean {
  if (!isAddress(text)) return false;
  const address = ipaddr.parse(text);
  return (
    isPublic(address) || allowed.some((network) => isWithin(address, network))
  );
}
