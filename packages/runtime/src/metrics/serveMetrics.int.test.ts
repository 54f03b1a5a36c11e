import { eventually, freePort } from "@jetscribe/testing";
import assert from "node:assert/strict";
import { spawn } from "node:child_process";
import { once } from "node:events";
import { createServer } from "node:net";
import { text } from "node:stream/consumers";
import { test, type TestContext } from "vitest";

const lifecycle = JSON.stringify(
  new URL("../lifecycle.ts", import.meta.url).href,
);

/** A service that says once it runs which modules of OpenTelemetry it has loaded. */
function startService(t: TestContext, METRICS_PORT: string) {
  const child = spawn(process.execPath, [
    "--input-type=module",
    "-e",
    `import { runService } from ${lifecycle};
     import { createRequire } from "node:module";
     await runService("probe", async () => {
       const loaded = Object.keys(createRequire(import.meta.url).cache);
       console.log(JSON.stringify({
         otel: loaded.filter((path) => path.includes("opentelemetry")).length,
         client: loaded.some((path) => path.includes("@prometheus-io")),
       }));
     }, { env: { METRICS_PORT: ${JSON.stringify(METRICS_PORT)} }, drainTimeoutMs: 0 });`,
  ]);
  t.onTestFinished(() => void child.kill("SIGKILL"));
  let output = "";
  child.stdout.setEncoding("utf8").on("data", (data) => (output += data));
  return { child, output: () => output, stderr: text(child.stderr) };
}

test("a process serves what Node says of it, and loads nothing of OpenTelemetry", async (t) => {
  const port = await freePort();
  const service = startService(t, String(port));
  await eventually(() => service.output().includes("otel"));
  assert.match(service.output(), /\{"otel":0,"client":true\}/);

  const url = `http://127.0.0.1:${port}`;
  // What answers takes leaves garbage, so that some time there was a collection.
  await eventually(async () => {
    const answer = await fetch(`${url}/metrics`);
    assert.equal(answer.status, 200);
    assert.match(answer.headers.get("content-type") ?? "", /version=0\.0\.4/);
    const body = await answer.text();
    for (const name of [
      "nodejs_eventloop_lag_p99_seconds",
      "process_resident_memory_bytes",
      "process_cpu_seconds_total",
      "nodejs_gc_duration_seconds_count",
    ]) {
      const value = Number(
        new RegExp(`^${name}(?:\\{.*\\})? (.+)$`, "m").exec(body)?.[1] ?? NaN,
      );
      assert.ok(value > 0 && value < 1e12, `${name} ${value}`);
    }
    return true;
  });
  assert.equal((await fetch(`${url}/other`)).status, 404);
  assert.equal((await fetch(`${url}/metrics`, { method: "POST" })).status, 405);

  service.child.kill("SIGTERM");
  const [code] = (await once(service.child, "exit")) as [number];
  assert.equal(code, 0);
});

test("without METRICS_PORT nothing of it is loaded", async (t) => {
  const service = startService(t, "");
  await eventually(() => service.output().includes("otel"));
  assert.match(service.output(), /\{"otel":0,"client":false\}/);
});

test("a port that is taken is a wrong setting", async (t) => {
  const other = createServer().listen(0, "127.0.0.1");
  await once(other, "listening");
  t.onTestFinished(() => void other.close());
  const { port } = other.address() as { port: number };
  const service = startService(t, String(port));
  const [code] = (await once(service.child, "exit")) as [number];
  assert.equal(code, 78);
  assert.match(await service.stderr, /METRICS_PORT: .*EADDRINUSE/);
});
