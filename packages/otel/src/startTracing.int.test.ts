import assert from "node:assert/strict";
import { once } from "node:events";
import { createServer } from "node:http";
import type { AddressInfo } from "node:net";
import { afterEach, test, vi } from "vitest";
import { startTracing } from "./startTracing.ts";

const secret = "EXAMPLESECRET";

afterEach(() => vi.unstubAllEnvs());

/** It answers every export with 401, and with a text that nobody is to see. */
async function startRefusing() {
  const server = createServer((request, answer) => {
    request.resume();
    answer.writeHead(401).end(`"code":"${secret}" ${secret}`);
  });
  await once(server.listen(0, "127.0.0.1"), "listening");
  const { port } = server.address() as AddressInfo;
  return {
    url: `http://127.0.0.1:${port}`,
    async [Symbol.asyncDispose]() {
      server.closeAllConnections();
      await new Promise((resolve) => server.close(resolve));
    },
  };
}

test("of a refusal the status is told and nothing else, whatever OTEL_LOG_LEVEL says", async () => {
  const consoles = (["debug", "info", "warn", "error", "log"] as const).map(
    (level) => vi.spyOn(console, level).mockReturnValue(),
  );
  await using collector = await startRefusing();
  vi.stubEnv("OTEL_EXPORTER_OTLP_ENDPOINT", collector.url);
  vi.stubEnv("OTEL_BSP_SCHEDULE_DELAY", "10");
  vi.stubEnv("OTEL_LOG_LEVEL", "error");
  const trouble = Promise.withResolvers<string>();
  const tracing = startTracing({ service: "test", onTrouble: trouble.resolve });
  const now = Date.now() / 1_000;
  const parent = { traceId: "0af7651916cd43dd8448eb211c80319c" };
  const span = { name: "span", kind: "internal", parent } as const;
  tracing.begin({ ...span, startS: now, attributes: {} }).end({ endS: now });
  assert.equal(await trouble.promise, "401");
  await tracing.shutdown();
  for (const { mock } of consoles) assert.deepEqual(mock.calls, []);
});
