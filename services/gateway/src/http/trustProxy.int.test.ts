/** Whose word on a caller's address and protocol is taken (TRUST_PROXY), with headers that somebody forged. */
import { callerAddress, startNgrokStandIn } from "@jetscribe/testing";
import assert from "node:assert/strict";
import { json } from "node:stream/consumers";
import { describe, test } from "vitest";
import { buildApp, type AppOptions } from "./app.ts";
import type { AppDeps } from "./appDeps.ts";
import { makeBodyRoom } from "../admission/bodyRoom.ts";

type Trust = AppOptions["trustProxy"];
interface Seen {
  ip: string;
  protocol: string;
  hsts: string | undefined;
}

/** A gateway's app that says whom it takes the caller for; none of its routes is called. */
async function startApp(trustProxy: Trust) {
  const stopping = new AbortController().signal;
  const calls = { of: () => () => undefined };
  const deps = { keys: [], stopping, calls } as unknown as AppDeps;
  const app = await buildApp(deps, {
    bodyLimit: 1_000,
    bodies: makeBodyRoom(1_000),
    trustProxy,
  });
  app.get("/who", ({ ip, protocol }) => ({ ip, protocol }));
  const url = await app.listen({ host: "127.0.0.1", port: 0 });
  return { url, [Symbol.asyncDispose]: () => app.close() };
}

/** What the gateway sees of a caller that comes through ngrok, which reaches it from loopback. */
async function seenThroughNgrok(
  trustProxy: Trust,
  headers: Record<string, string> = {},
): Promise<Seen> {
  await using app = await startApp(trustProxy);
  await using ngrok = await startNgrokStandIn(app.url);
  const response = await ngrok.open("/who", { headers });
  const { ip, protocol } = (await json(response)) as Seen;
  return { ip, protocol, hsts: response.headers["strict-transport-security"] };
}

async function seenDirectly(
  trustProxy: Trust,
  headers: Record<string, string>,
): Promise<Seen> {
  await using app = await startApp(trustProxy);
  const response = await fetch(`${app.url}/who`, { headers });
  const { ip, protocol } = (await response.json()) as Seen;
  const hsts = response.headers.get("strict-transport-security") ?? undefined;
  return { ip, protocol, hsts };
}

const forged = {
  "x-forwarded-for": "198.51.100.1, 127.0.0.1",
  "x-forwarded-proto": "http",
  "x-forwarded-host": "evil.example",
  forwarded: "for=198.51.100.1;proto=http",
  "x-real-ip": "198.51.100.1",
};
const hsts = "max-age=31536000";

describe("TRUST_PROXY", () => {
  for (const trust of [["127.0.0.1"], ["127.0.0.1", "::1"], 1])
    test(`${String(trust)}: the caller's address is what ngrok gives, whatever the caller claims`, async () => {
      const honest = await seenThroughNgrok(trust);
      assert.deepEqual(honest, { ip: callerAddress, protocol: "https", hsts });
      assert.deepEqual(await seenThroughNgrok(trust, forged), honest);
    });

  test("off: nobody's word is taken", async () => {
    const seen = await seenThroughNgrok(false, forged);
    const bare = { ip: "127.0.0.1", protocol: "http", hsts: undefined };
    assert.deepEqual(seen, bare);
  });

  test("of other addresses: a caller that goes around ngrok is who it is", async () => {
    const claims = { ...forged, "x-forwarded-proto": "https" };
    const seen = await seenDirectly(["10.213.77.2", "10.213.77.3"], claims);
    const bare = { ip: "127.0.0.1", protocol: "http", hsts: undefined };
    assert.deepEqual(seen, bare);
  });
});
