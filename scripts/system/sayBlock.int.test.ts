import assert from "node:assert/strict";
import { execFile } from "node:child_process";
import { once } from "node:events";
import { createServer } from "node:http";
import type { AddressInfo } from "node:net";
import { promisify } from "node:util";
import { test } from "vitest";

const worker = { worker_id: "w", model: "demo", model_loaded: true };
const readers = [{ name: "logger" }, { name: "results" }, { name: "webhooks" }];

/** The start block of a system whose /health answers these in turn, the last one for ever. */
async function blockOf(
  answers: object[],
  supervised: { name: string; failures: number }[] = [],
) {
  const left = [...answers];
  const server = createServer((_request, response) => {
    const body = left.length > 1 ? left.shift() : left[0];
    response.end(
      JSON.stringify({ status: "healthy", workers: [worker], ...body }),
    );
  });
  await once(server.listen(0, "127.0.0.1"), "listening");
  const { port } = server.address() as AddressInfo;
  const script = `
    import { failingNames, waitUntilHealthy } from "./health.ts";
    import { sayBlock } from "./sayBlock.ts";
    const supervised = ${JSON.stringify(supervised)};
    const url = "http://127.0.0.1:${port}";
    const health = await waitUntilHealthy(url, supervised, new AbortController().signal);
    sayBlock({ health, failing: failingNames(supervised), url, natsUrl: "nats://n:1", dataDir: "d", logDir: "l" });`;
  const { stdout } = await promisify(execFile)(
    process.execPath,
    ["--input-type=module", "--eval", script],
    { cwd: import.meta.dirname, timeout: 60_000 },
  ).finally(() => {
    server.closeAllConnections();
    server.close();
  });
  return stdout;
}

test("the start block is green once the services that read the log are heard", async () => {
  const block = await blockOf([{ projections: [] }, { projections: readers }]);
  assert.match(block, /^ {2}Jetscribe is running {2}model demo$/m);
  assert.match(
    block,
    /Events +nats:\/\/n:1; .*npm run subscribers -- add NAME$/m,
  );
});

test("a service that does not work stands in the start block by name", async () => {
  const status = "degraded";
  const stuck = { name: "logger", error: "LOG_DIR can't be written: EEXIST" };
  const standing = await blockOf([
    { projections: [] },
    { status, projections: [stuck, ...readers.slice(1)] },
  ]);
  assert.match(standing, /is running, but degraded/);
  assert.match(standing, /logger: LOG_DIR can't be written: EEXIST/);
  const away = await blockOf([
    { projections: [readers[0]] },
    { status, projections: [readers[0]], away: ["results"] },
    { status, projections: [readers[0]], away: ["results", "webhooks"] },
  ]);
  assert.match(away, /is running, but degraded/);
  for (const name of ["results", "webhooks"])
    assert.match(away, new RegExp(`${name}: it is down, or ends again`));
});

test("so does any process that ends again and again", async () => {
  const supervised = [
    { name: "inference", failures: 0 },
    { name: "inference-2", failures: 3 },
  ];
  const block = await blockOf([{ projections: readers }], supervised);
  assert.match(block, /is running, but degraded/);
  assert.match(block, /inference-2: it ends again and again/);
  assert.doesNotMatch(block, /inference:/);
});
