import assert from "node:assert/strict";
import { test } from "vitest";
import { exceptLoopback } from "./exceptLoopback.ts";

const noProxy = (env: NodeJS.ProcessEnv, url?: string) => {
  const { no_proxy, NO_PROXY } = exceptLoopback(env, url);
  assert.equal(no_proxy, NO_PROXY);
  return NO_PROXY?.split(",");
};

const loopback = ["localhost", ".localhost", "127.0.0.1", "[::1]"];

test("loopback is added to what is reached without a proxy", () => {
  assert.deepEqual(noProxy({}), loopback);
  assert.deepEqual(noProxy({ NO_PROXY: "a.test,b.test" }), [
    ...["a.test", "b.test"],
    ...loopback,
  ]);
  assert.deepEqual(noProxy({ no_proxy: "a.test", NO_PROXY: "b.test" }), [
    ...["a.test"],
    ...loopback,
  ]);
  assert.deepEqual(exceptLoopback({ NO_PROXY: "*" }), { NO_PROXY: "*" });
});

test("another address of loopback is added where it is the one that is called", () => {
  assert.deepEqual(noProxy({}, "http://127.0.0.2:8080/v1"), [
    ...loopback,
    "127.0.0.2",
  ]);
  assert.deepEqual(noProxy({}, "http://10.0.0.1/v1"), loopback);
});
