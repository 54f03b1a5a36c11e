import assert from "node:assert/strict";
import { once } from "node:events";
import { createServer, type AddressInfo } from "node:net";
import { test } from "vitest";
import { redisCommands } from "./redis.ts";

for (const [what, said] of [
  ["says nothing", ""],
  ["is in the middle of a reply", "$10\r\nhalf"],
] as const)
  test(`a server that ends the connection while it ${what} is seen`, async (t) => {
    const server = createServer((socket) => socket.resume().end(said));
    t.onTestFinished(() => void server.close());
    server.listen(0, "127.0.0.1");
    await once(server, "listening");
    const { port } = server.address() as AddressInfo;
    await assert.rejects(redisCommands(port, [["PING"]]), /ended/);
  });
