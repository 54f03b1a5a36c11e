import fc from "fast-check";
import assert from "node:assert/strict";
import { isIPv4 } from "node:net";
import { describe, test } from "vitest";
import { countedAddress, isLoopback } from "./countedAddress.ts";

describe("countedAddress", () => {
  test("an IPv4 address is itself, however it is written", () => {
    for (const written of [
      "203.0.113.9",
      "203.0.113.9:55012",
      "::ffff:203.0.113.9",
      "::FFFF:cb00:7109",
      "0:0:0:0:0:ffff:203.0.113.9",
    ])
      assert.equal(countedAddress(written), "203.0.113.9", written);
  });

  test("addresses of one /64 are one, however they are written; those of another /64 are not", () => {
    for (const written of [
      "2001:db8:0:7::1",
      "2001:0DB8:0000:0007:ffff:ffff:ffff:ffff",
      "2001:db8::7:0:0:203.0.113.9",
      "2001:db8:0:7::1%eth0",
    ])
      assert.equal(countedAddress(written), "2001:db8:0:7::/64", written);
    assert.equal(countedAddress("2001:db8:0:8::1"), "2001:db8:0:8::/64");
    assert.equal(countedAddress("2001:db8::"), "2001:db8:0:0::/64");
  });

  test("what is no address is one caller", () => {
    for (const written of ["", "unknown", "_hidden", "1.2.3", "::1]/x", "a:b"])
      assert.equal(countedAddress(written), "unknown", written);
  });

  test("of any address the /64 is that of its first four groups", () => {
    const group = fc.integer({ min: 0, max: 0xffff });
    fc.assert(
      fc.property(fc.array(group, { minLength: 8, maxLength: 8 }), (groups) => {
        const hex = groups.map((value) => value.toString(16));
        const counted = countedAddress(hex.join(":"));
        if (isIPv4(counted)) assert.equal(hex[5], "ffff");
        else assert.equal(counted, `${hex.slice(0, 4).join(":")}::/64`);
      }),
    );
  });
});

test("loopback is told from every other address", () => {
  for (const own of ["127.0.0.1", "127.8.9.1", "::1", "::ffff:127.0.0.1"])
    assert.ok(isLoopback(countedAddress(own)), own);
  for (const other of ["203.0.113.127", "1::1", "fe80::1", "unknown"])
    assert.ok(!isLoopback(countedAddress(other)), other);
});
