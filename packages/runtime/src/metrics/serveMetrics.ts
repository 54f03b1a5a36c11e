/** `GET /metrics` of a process that has no other HTTP interface. */
import { once } from "node:events";
import { createServer, type ServerResponse } from "node:http";
import type { AddressInfo } from "node:net";
import { ConfigError } from "../config.ts";
import type { MetricsAddress } from "./metricsAddress.ts";
import { makeExposition } from "./exposition.ts";
import { makeMetrics } from "./metrics.ts";
import { measureProcess } from "./processMetrics.ts";

/**
 * Serves what this process says of itself, and what its service shows, without a key. Rejects with a ConfigError where the
 * address can't be had.
 */
export async function serveMetrics(
  address: MetricsAddress,
  shown: readonly (() => Promise<string>)[] = [],
): Promise<AsyncDisposable & { port: number }> {
  const metrics = makeMetrics();
  await measureProcess(metrics);
  const server = createServer(({ method, url, headers }, response) => {
    if (url !== "/metrics") end(response, 404);
    else if (method !== "GET" && method !== "HEAD") end(response, 405);
    else
      Promise.all([metrics.text, ...shown].map((text) => text())).then(
        (texts) => answer(response, texts, headers.accept),
        () => end(response, 500),
      );
  });
  try {
    server.listen(address);
    await once(server, "listening");
  } catch (error) {
    const { code = "" } = error as { code?: string };
    const message = `${address.host}:${address.port} can't be listened on (${code})`;
    throw new ConfigError([{ name: "METRICS_PORT", message }]);
  }
  return {
    port: (server.address() as AddressInfo).port,
    async [Symbol.asyncDispose]() {
      server.closeAllConnections();
      await new Promise((resolve) => server.close(resolve));
    },
  };
}

function answer(
  response: ServerResponse,
  texts: string[],
  accept?: string,
): void {
  const { contentType, body } = makeExposition(texts, accept);
  response.writeHead(200, { "content-type": contentType }).end(body);
}

const end = (response: ServerResponse, status: number) =>
  response.writeHead(status, { "content-type": "text/plain" }).end();
