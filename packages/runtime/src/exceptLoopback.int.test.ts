import assert from "node:assert/strict";
import { execFile } from "node:child_process";
import { once } from "node:events";
import { createServer } from "node:http";
import type { AddressInfo } from "node:net";
import { promisify } from "node:util";
import { test } from "vitest";

test("loopback is never proxied, whatever NO_PROXY says", async (t) => {
  const server = createServer((_request, response) => response.end("direct"));
  await once(server.listen(0, "::"), "listening");
  t.onTestFinished(() => {
    server.closeAllConnections();
    server.close();
  });
  const { port } = server.address() as AddressInfo;
  const script = `
    import { exceptLoopback } from "./exceptLoopback.ts";
    Object.assign(process.env, exceptLoopback(process.env, "http://127.0.0.2:1"));
    for (const host of ["127.0.0.1", "localhost", "127.0.0.2", "[::1]"])
      console.log(await fetch("http://" + host + ":${port}").then((r) => r.text(), () => "proxied"));
    console.log(process.env.NO_PROXY);`;
  const proxied = {
    ...{ NODE_USE_ENV_PROXY: "1", HTTP_PROXY: "http://127.0.0.1:9" },
  };
  for (const noProxy of [{}, { NO_PROXY: "a.test" }, { no_proxy: "a.test" }]) {
    const { stdout } = await promisify(execFile)(
      process.execPath,
      ["--input-type=module", "--eval", script],
      {
        cwd: import.meta.dirname,
        env: { ...process.env, ...proxied, ...noProxy },
        timeout: 60_000,
      },
    );
    const [kept, ...lines] = stdout.trim().split("\n").reverse();
    assert.deepEqual(lines, Array(4).fill("direct"));
    if (Object.keys(noProxy).length > 0) assert.match(kept ?? "", /^a\.test,/);
  }
});
