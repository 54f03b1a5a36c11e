/** A gateway beside those of a stack, which dies at the broker's word that it stored a request of it. */
import { checkAnswersOf, compileCache, freePort, type Stack } from "@jetscribe/testing"; // prettier-ignore
import assert from "node:assert/strict";
import { spawn } from "node:child_process";
import { once } from "node:events";
import { connect, createServer, type AddressInfo } from "node:net";

/** Older brokers say it with a space. */
const storedWord = /"stream":"EVENTS", ?"seq":/;

/** It has not got that word, so it goes no further than what is under way at once. */
export async function startDyingGateway(
  { plainNatsUrl, redisUrl, dataDir, accounts }: Stack,
  env: Record<string, string>,
) {
  const door = createServer((near) => {
    const far = connect(Number(new URL(plainNatsUrl).port), "127.0.0.1");
    near.pipe(far);
    far.on("data", (bytes) => {
      if (storedWord.test(String(bytes))) child.kill("SIGKILL");
      else near.write(bytes);
    });
    far.on("close", () => near.destroy());
    for (const socket of [near, far]) socket.on("error", () => {}); // `close` follows
  }).listen(0, "127.0.0.1");
  await once(door, "listening");
  const port = await freePort();
  const url = `http://127.0.0.1:${port}`;
  checkAnswersOf(url);
  const main = new URL("../src/main.ts", import.meta.url).pathname;
  const child = spawn(process.execPath, [main], {
    env: {
      ...{ NODE_COMPILE_CACHE: compileCache, PORT: String(port), ...env },
      NATS_URL: `nats://127.0.0.1:${(door.address() as AddressInfo).port}`,
      ...{ REDIS_URL: redisUrl, DATA_DIR: dataDir, WEBHOOKS: "off" },
      NATS_NKEY_FILE: accounts?.fileOf("gateway") ?? assert.fail(),
      EVENTS_MAX_BYTES: String(2 ** 30),
    },
    stdio: "ignore",
  });
  const ended = once(child, "close");
  return {
    url,
    async [Symbol.asyncDispose]() {
      child.kill("SIGKILL");
      await ended;
      door.close();
      await once(door, "close");
    },
  };
}
