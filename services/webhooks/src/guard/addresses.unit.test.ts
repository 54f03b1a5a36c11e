import assert from "node:assert/strict";
import { test } from "vitest";
import { mayBeReached, networkOf, type Network } from "./addresses.ts";

const allowing = (...texts: string[]): Network[] =>
  texts.map((text) => networkOf(text) ?? assert.fail(text));

test("public addresses may be reached", () => {
  for (const address of ["8.8.8.8", "1.1.1.1", "2606:4700::1111", "2a00::1"])
    assert.ok(mayBeReached(address, []), address);
});

const notPublic = {
  loopback: ["127.0.0.1", "127.255.0.1", "::1"],
  private: ["10.0.0.1", "172.16.0.1", "172.31.9.9", "192.168.1.1", "fd12::1"],
  "link-local and metadata": ["169.254.169.254", "fe80::1", "fe80::1%eth0"],
  "metadata in other ranges": [
    ...["fd00:ec2::254", "100.100.100.200", "168.63.129.16"],
  ],
  "shared by carriers": ["100.64.0.1", "100.127.255.255"],
  multicast: ["224.0.0.1", "239.1.1.1", "ff02::1"],
  unspecified: ["0.0.0.0", "0.1.2.3", "::"],
  "reserved, broadcast and documentation": [
    ...["240.0.0.1", "255.255.255.255", "192.0.2.1", "198.18.0.1"],
    ...["192.0.0.1", "2001:db8::1", "3fff::1", "100::1", "fec0::1"],
  ],
  "IPv4 in IPv6": [
    ...["::ffff:127.0.0.1", "::ffff:8.8.8.8", "::7f00:1", "2002:7f00:1::"],
    ...["64:ff9b::7f00:1", "64:ff9b:1::1", "2001::1"],
  ],
  "no address": ["", "localhost", "127.1", "0x7f.1", "2130706433", "010.0.0.1"],
};

for (const [what, addresses] of Object.entries(notPublic))
  test(`${what}: may not be reached`, () => {
    for (const address of addresses)
      assert.ok(!mayBeReached(address, []), address);
  });

test("a network or an address that is allowed may be reached, and nothing beside it", () => {
  const allowed = allowing("10.1.0.0/16", "127.0.0.1", "fd12::/16");
  for (const address of ["10.1.2.3", "127.0.0.1", "fd12:1::1"])
    assert.ok(mayBeReached(address, allowed), address);
  for (const address of ["10.2.0.1", "127.0.0.2", "fd13::1", "::7f00:1"])
    assert.ok(!mayBeReached(address, allowed), address);
});
