/**
 * What ngrok does between a caller and the gateway, on this machine: TLS ends here, the caller's address goes behind
 * what it claims in X-Forwarded-For, the other forwarded headers are set anew, the traffic policy's paths are the only
 * ones there, and nothing is buffered.
 */
import { execFile } from "node:child_process";
import { once } from "node:events";
import { mkdtemp, readFile, rm } from "node:fs/promises";
import { request as httpRequest } from "node:http";
import { createServer, request as httpsRequest } from "node:https";
import type { IncomingHttpHeaders, IncomingMessage } from "node:http";
import type { AddressInfo } from "node:net";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { promisify } from "node:util";

export interface NgrokStandIn extends AsyncDisposable {
  url: string;
  /** One call over TLS, as from the caller's address; the body comes as it arrives. */
  open: (
    path: string,
    init?: { method?: string; headers?: Record<string, string>; body?: string },
  ) => Promise<IncomingMessage>;
}

/** The address that every caller has: as on the internet, not one of this machine. */
export const callerAddress = "203.0.113.7";

export async function startNgrokStandIn(
  upstream: string,
  isPublic: (path: string) => boolean = () => true,
): Promise<NgrokStandIn> {
  const { key, cert } = await makeCertificate();
  const server = createServer({ key, cert }, (incoming, answer) => {
    if (!isPublic(incoming.url ?? "")) return answer.writeHead(404).end();
    const headers = forwarded(incoming.headers);
    const { method } = incoming;
    const onward = httpRequest(upstream + incoming.url, { method, headers });
    onward.once("error", () => answer.destroy());
    onward.once("response", (response) => {
      answer.writeHead(response.statusCode ?? 502, response.headers);
      response.pipe(answer);
    });
    answer.once("close", () => onward.destroy());
    return incoming.pipe(onward);
  });
  server.listen(0, "127.0.0.1");
  await once(server, "listening");
  const url = `https://localhost:${(server.address() as AddressInfo).port}`;
  return {
    url,
    async open(path, { method = "GET", headers = {}, body } = {}) {
      const options = { method, headers, ca: cert, agent: false };
      const call = httpsRequest(url + path, options);
      call.end(body);
      const [response] = (await once(call, "response")) as [IncomingMessage];
      return response;
    },
    async [Symbol.asyncDispose]() {
      server.closeAllConnections();
      server.close();
      await once(server, "close");
    },
  };
}

function forwarded(headers: IncomingHttpHeaders): IncomingHttpHeaders {
  const claimed = headers["x-forwarded-for"];
  const chain = claimed ? `${String(claimed)}, ` : "";
  return {
    ...headers,
    "x-forwarded-for": `${chain}${callerAddress}`,
    "x-forwarded-proto": "https",
    "x-forwarded-host": headers.host,
  };
}

async function makeCertificate(): Promise<{ key: string; cert: string }> {
  const dir = await mkdtemp(join(tmpdir(), "jetscribe-tls-"));
  try {
    const [keyFile, certFile] = [join(dir, "key"), join(dir, "cert")];
    const curve = ["-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:prime256v1"];
    const names = ["-subj", "/CN=localhost", "-addext", "subjectAltName=DNS:localhost"]; // prettier-ignore
    await promisify(execFile)("openssl", [
      ...["req", "-x509", "-nodes", "-days", "2", ...curve, ...names],
      ...["-keyout", keyFile, "-out", certFile],
    ]);
    const files = [keyFile, certFile].map((file) => readFile(file, "utf8"));
    const [key = "", cert = ""] = await Promise.all(files);
    return { key, cert };
  } finally {
    await rm(dir, { recursive: true });
  }
}

/** The paths that the traffic policy lets through. */
export async function publicPaths(): Promise<(path: string) => boolean> {
  const file = new URL("../../../deploy/ngrok/policy.json", import.meta.url);
  const text = await readFile(file, "utf8");
  const [, pattern] = /matches\('([^']+)'\)/.exec(text) ?? [];
  if (pattern === undefined) throw new Error("the policy names no paths");
  const paths = new RegExp(pattern);
  return (path) => paths.test(path.replace(/\?.*/, ""));
}
