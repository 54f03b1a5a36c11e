/** The gateway behind ngrok, for which a proxy on this machine stands in; and `npm start -- --tunnel` without one. */
import {
  eventually,
  freePort,
  publicPaths,
  startNgrokStandIn,
  startStack,
  type NgrokStandIn,
  type Stack,
} from "@jetscribe/testing";
import assert from "node:assert/strict";
import { mkdtemp, rm } from "node:fs/promises";
import { json } from "node:stream/consumers";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, beforeAll, describe, test } from "vitest";
import { call, post } from "./client.ts";
import { npmStart } from "./npmStart.ts";

describe("behind the tunnel", () => {
  let stack: Stack;
  let ngrok: NgrokStandIn;
  beforeAll(async () => {
    stack = await startStack({
      env: {
        ...{ ENGINE: "fake", FAKE_MS: "4000", FAKE_TOKENS: "20" },
        TRUST_PROXY: "127.0.0.1",
      },
    });
    ngrok = await startNgrokStandIn(stack.url, await publicPaths());
  });
  afterAll(async () => {
    await ngrok[Symbol.asyncDispose]();
    await stack.stop();
  });

  test("the REST interface is there, and tells browsers to stay with TLS", async () => {
    const response = await ngrok.open("/generate", {
      method: "POST",
      headers: { "x-api-key": stack.key, "content-type": "application/json" },
      body: JSON.stringify({ prompt: "Hello", max_tokens: 4 }),
    });
    assert.equal(response.statusCode, 202);
    const hsts = response.headers["strict-transport-security"];
    assert.match(hsts ?? "", /^max-age=\d{7,}/);
    const { task_id } = (await json(response)) as { task_id: string };

    const result = await ngrok.open(`/result/${task_id}?wait=30`, {
      headers: { "x-api-key": stack.key },
    });
    assert.equal(result.statusCode, 200);
    assert.ok("strict-transport-security" in result.headers);
    const refused = await ngrok.open("/result/none"); // no key
    assert.equal(refused.statusCode, 401);
    assert.ok("strict-transport-security" in refused.headers);
  });

  test("without TLS there is no HSTS", async () => {
    const { headers } = await call(stack, "/health");
    assert.equal(headers.get("strict-transport-security"), null);
  });

  test("nothing else is there", async () => {
    const paths = [
      "/",
      "/docs",
      "/docs/json",
      "/openapi.json",
      "/metrics",
      "/dashboard",
    ];
    for (const path of [...paths, "/readyz", "/result/", "/generate/../docs"]) {
      const { statusCode, headers } = await ngrok.open(path);
      assert.equal(statusCode, 404, path);
      assert.equal(headers["content-type"], undefined, `${path} got through`);
    }
  });

  test("a stream's text comes while it is written", async () => {
    const id = await post(stack, { max_tokens: 2_400, ignore_eos: true });
    const stream = await ngrok.open(`/stream/${id}`, {
      headers: { "x-api-key": stack.key },
    });
    assert.equal(stream.statusCode, 200);
    assert.ok("strict-transport-security" in stream.headers);
    let text = "";
    let cancelled: number | undefined;
    for await (const piece of stream) {
      text += String(piece);
      // It would run for minutes: its end comes after its text was here.
      if (cancelled === undefined && text.includes("event: token"))
        ({ status: cancelled } = await call(stack, `/cancel/${id}`, {
          method: "POST",
        }));
    }
    assert.equal(cancelled, 200);
    assert.match(text, /event: cancelled/);
  });
});

/** `npm start -- --tunnel`, until its output has the text. */
async function startWithTunnel(token: string, until: RegExp): Promise<string> {
  const dir = await mkdtemp(join(tmpdir(), "jetscribe-tunnel-"));
  const port = String(await freePort());
  const { child, output } = npmStart(
    {
      ...{ PORT: port, HOST: "127.0.0.1", API_KEYS: "", ENGINE: "fake" },
      ...{ DATA_DIR: join(dir, "data"), LOG_DIR: join(dir, "logs") },
      ...{ NATS_URL: "", REDIS_URL: "", NGROK_AUTHTOKEN: token },
      EVENTS_MAX_BYTES: String(2 ** 30),
    },
    { args: ["--tunnel"] },
  );
  const gone = new Promise((resolve) => child.once("exit", resolve));
  try {
    await eventually(() => {
      assert.equal(child.exitCode, null);
      return until.test(output());
    });
    const { ok } = await fetch(`http://127.0.0.1:${port}/health`);
    assert.ok(ok, "the system runs on");
    return output();
  } finally {
    child.kill("SIGTERM");
    await gone;
    await rm(dir, { recursive: true, force: true, maxRetries: 5 });
  }
}

describe("npm start -- --tunnel", () => {
  test("without a token says so, and the system runs on", async () => {
    const output = await startWithTunnel("", /The system runs on/);
    assert.match(output, /Jetscribe is running/);
    assert.match(output, /no tunnel: NGROK_AUTHTOKEN is not set/);
  });

  test("with a token that is refused says so without it, and the system runs on", async () => {
    const output = await startWithTunnel("not-a-token", /The system runs on/);
    assert.match(output, /Jetscribe is running/);
    assert.match(output, /There is no tunnel: (ngrok|NGROK_AUTHTOKEN was)/);
    assert.ok(!output.includes("not-a-token"));
  });
});
