import assert from "node:assert/strict";
import { test } from "vitest";
import { allowedOf, makeGuard, type Allowed } from "./guard.ts";
import { resolveByDns } from "./resolve.ts";

const nothing: Allowed = {
  ...{ http: false, ports: new Set([443]) },
  ...{ networks: [], names: new Set() },
};
const never = new AbortController().signal;

/** What the guard makes of a URL where every name has these addresses. */
async function look(
  url: string,
  addresses: string[] = ["93.184.216.34"],
  allowed: Partial<Allowed> = {},
): Promise<string[] | "refused"> {
  const guard = makeGuard({ ...nothing, ...allowed }, () =>
    Promise.resolve(addresses.map((address) => ({ address, family: 4 }))),
  );
  return await guard(new URL(url), never).then(
    (found) => found.map(({ address }) => address),
    (error: { code?: string }) => {
      assert.equal(error.code, "REFUSED_ADDRESS");
      return "refused" as const;
    },
  );
}

test("a public name over https leads to its addresses", async () => {
  const both = ["93.184.216.34", "2606:2800::1"];
  assert.deepEqual(await look("https://a.example/x", both), both);
  assert.deepEqual(await look("https://8.8.8.8/"), ["8.8.8.8"]);
});

test("other schemes and ports are refused unless they are allowed", async () => {
  assert.equal(await look("http://a.example/"), "refused");
  assert.equal(await look("https://a.example:22/"), "refused");
  const http = { http: true, ports: new Set([80, 8080]) };
  for (const url of ["http://a.example/", "http://a.example:8080/"])
    assert.notEqual(await look(url, undefined, http), "refused");
  assert.equal(await look("https://a.example/", undefined, http), "refused");
  const any = await look("https://a.example:9/", undefined, {
    ports: undefined,
  });
  assert.notEqual(any, "refused");
});

test("an address is refused however it is written", async () => {
  const hosts = [
    ...["127.0.0.1", "127.1", "0x7f.0.0.1", "2130706433", "017700000001"],
    ...["[::1]", "[::ffff:7f00:1]", "[::ffff:127.0.0.1]", "[::127.0.0.1]"],
    ...["169.254.169.254", "10.0.0.1", "[fd00::1]", "0.0.0.0", "0"],
  ];
  for (const host of hosts)
    assert.equal(await look(`https://${host}/`), "refused", host);
});

test("a name is refused where one of its addresses is, whatever the others are", async () => {
  for (const bad of ["127.0.0.1", "::1", "10.0.0.1", "::ffff:10.0.0.1"])
    assert.equal(await look("https://a.example/", ["8.8.8.8", bad]), "refused");
});

test("localhost is this machine, by any name, and is refused", async () => {
  const guard = makeGuard(nothing, resolveByDns);
  for (const name of ["localhost", "LOCALHOST.", "a.localhost"])
    await assert.rejects(guard(new URL(`https://${name}/`), never), {
      code: "REFUSED_ADDRESS",
    });
});

test("what is allowed by name, address or network is reached, and nothing else", async () => {
  const list = allowedOf(["receiver.internal", "10.1.0.0/16", "::1"]);
  assert.ok(list);
  const own = ["10.9.9.9"];
  assert.deepEqual(await look("https://Receiver.internal./", own, list), own);
  assert.equal(await look("https://other.internal/", own, list), "refused");
  const near = ["10.1.2.3"];
  assert.deepEqual(await look("https://other.internal/", near, list), near);
  assert.deepEqual(await look("https://[::1]/", [], list), ["::1"]);
  for (const wrong of ["10.0.0.0/33", "a b", "*.example", "https://a.example"])
    assert.equal(allowedOf([wrong]), undefined, wrong);
});
