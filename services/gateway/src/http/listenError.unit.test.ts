import { ConfigError } from "@jetscribe/runtime";
import assert from "node:assert/strict";
import { once } from "node:events";
import { createServer } from "node:net";
import { test } from "vitest";
import { listenError } from "./listenError.ts";

async function errorOf(host: string): Promise<unknown> {
  const [error] = (await once(
    createServer().listen(0, host),
    "listening",
  ).catch((error: unknown) => [error])) as [unknown];
  return listenError(error);
}

test("a HOST that is not of this machine is an error of the configuration, by name", async () => {
  const unknown = Object.assign(new Error("unknown"), { code: "ENOTFOUND" });
  for (const error of [
    await errorOf("192.0.2.1"),
    await errorOf("2001:db8::1"),
    listenError(unknown),
  ]) {
    assert.ok(error instanceof ConfigError, String(error));
    assert.match(error.message, /HOST: expected an address of this machine/);
  }
});

test("a port that is taken is none: the program there may end", () => {
  const taken = Object.assign(new Error("taken"), { code: "EADDRINUSE" });
  assert.equal(listenError(taken), taken);
});
