import { eventually } from "@jetscribe/testing";
import assert from "node:assert/strict";
import { afterAll, describe, test } from "vitest";
import { EngineDied, EngineError, type EngineConfig } from "../engine.ts";
import { engineContract } from "../../../test/engineContract.ts";
import { ask, openEngine } from "../../../test/engineTestKit.ts";
import {
  answer,
  contextSize,
  key,
  model,
  startUpstream,
  type TestUpstream,
} from "../../../test/upstreamTestKit.ts";

const text = answer.join("");
const prompt = "Explain gravity.";

const configFor = ({ url }: TestUpstream): Partial<EngineConfig> => ({
  engine: "openai",
  upstream: { url, key, model },
});

const backoff = { firstMs: 20, maxMs: 100 };

async function open(upstream: TestUpstream, config = configFor(upstream)) {
  const engine = await openEngine(config, { backoff });
  await engine.whenReady();
  return engine;
}

const rejectsWith = (
  promise: Promise<unknown>,
  type: EngineError["type"],
  message: RegExp,
) =>
  assert.rejects(promise, (error) => {
    assert.ok(error instanceof EngineError);
    assert.equal(error.type, type);
    assert.match(error.message, message);
    return true;
  });

const vllm = await startUpstream();
afterAll(() => vllm[Symbol.asyncDispose]());

describe("the openai engine", () => {
  engineContract(configFor(vllm), { prompt, raw: true });
});

describe("the openai engine and its upstream", { concurrent: true }, () => {
  test("counts pieces until the upstream tells its numbers", async () => {
    await using upstream = await startUpstream({ ownedBy: "library" });
    await using engine = await open(upstream);
    const counted: { text: string; tokens: number }[] = [];
    let heard = "";
    const result = await ask(engine, {
      prompt,
      onText: (piece, { completionTokens: tokens }) => {
        counted.push({ text: (heard += piece), tokens });
      },
    });
    // Pieces that come close together are told as one.
    for (const { text, tokens } of counted)
      assert.equal(text, answer.slice(0, tokens).join(""));
    assert.notEqual(counted.length, 0);
    assert.equal(result.text, text);
    assert.equal(result.promptTokens, 5);
    assert.equal(result.cachedTokens, 2);
    assert.equal(result.completionTokens, answer.length);
  });

  test("an upstream on loopback is reached past a proxy, whatever NO_PROXY says", async () => {
    await using upstream = await startUpstream();
    const { port } = new URL(upstream.url);
    const proxied = {
      NODE_USE_ENV_PROXY: "1",
      HTTP_PROXY: "http://127.0.0.1:9",
    };
    for (const [host, noProxy] of [
      ["127.0.0.1", {}],
      ["localhost", { NO_PROXY: "host.test" }],
      ["127.0.0.1", { no_proxy: "host.test", NO_PROXY: "" }],
      ["localhost", { NO_PROXY: "*" }],
    ] as const) {
      const url = `http://${host}:${port}/v1`;
      await using engine = await openEngine(
        { engine: "openai", upstream: { url, key, model } },
        { backoff, env: { ...proxied, ...noProxy } },
      );
      await engine.whenReady();
      assert.equal((await ask(engine, { prompt })).text, text);
    }
  });

  test("has the slots' size from vLLM and from llama-server", async () => {
    for (const ownedBy of ["vllm", "llamacpp"]) {
      await using upstream = await startUpstream({ ownedBy });
      await using engine = await open(upstream);
      const info = await engine.whenReady();
      assert.equal(info.contextSize, contextSize);
      assert.equal(info.engineVersion, ownedBy);
    }
  });

  test("sends the key, the model and a chat by its own path", async () => {
    await using upstream = await startUpstream();
    await using engine = await open(upstream);
    await ask(engine, { messages: [{ role: "user", content: "Hi" }] });
    await ask(engine, { prompt: "Hi", raw: true });
    const [chat, raw] = upstream.calls;
    assert.equal(chat?.path, "/v1/chat/completions");
    assert.deepEqual(chat.body.messages, [{ role: "user", content: "Hi" }]);
    assert.equal(raw?.path, "/v1/completions");
    assert.equal(raw.body.prompt, "Hi");
    for (const { headers, body } of [chat, raw]) {
      assert.equal(headers.authorization, `Bearer ${key}`);
      assert.equal(body.model, model);
    }
  });

  test("sends no key where it has none", async () => {
    await using upstream = await startUpstream();
    const { url } = upstream;
    await using engine = await open(upstream, {
      engine: "openai",
      upstream: { url, key: undefined, model },
    });
    await ask(engine, { prompt });
    assert.equal(upstream.calls[0]?.headers.authorization, undefined);
  });

  test("asks again where the upstream is busy", async () => {
    await using upstream = await startUpstream();
    await using engine = await open(upstream);
    const headers = { "retry-after-ms": "1" };
    upstream.instead.push({ status: 429, headers }, { status: 503, headers });
    assert.equal((await ask(engine, { prompt })).text, text);
    assert.equal(upstream.calls.length, 3);
  });

  test("does not wait for a busy one any longer once it is aborted", async () => {
    await using upstream = await startUpstream();
    await using engine = await open(upstream);
    const headers = { "retry-after": "59" };
    upstream.instead.push({ status: 429, headers });
    const stop = new AbortController();
    const asking = ask(engine, { prompt, signal: stop.signal });
    await eventually(() => upstream.calls.length === 1);
    stop.abort(new Error("enough"));
    await assert.rejects(asking, { message: "enough" });
    assert.equal(upstream.calls.length, 1);
  });

  test("breaks the upstream's work off at an abort", async () => {
    await using upstream = await startUpstream();
    await using engine = await open(upstream);
    const held = Promise.withResolvers<void>();
    upstream.instead.push({ breakAfter: 1, at: held.promise });
    const stop = new AbortController();
    const onText = () => stop.abort(new Error("enough"));
    const asking = ask(engine, { prompt, signal: stop.signal, onText });
    await assert.rejects(asking, { message: "enough" });
    await eventually(() => upstream.brokenOff() === 1);
    held.resolve();
  });

  test("says what the upstream refuses, and never the key", async () => {
    await using upstream = await startUpstream();
    await using engine = await open(upstream);
    const refuse = (status: number) =>
      upstream.instead.push({ status, message: `no: ${key}` });
    refuse(400);
    await rejectsWith(ask(engine, { prompt }), "ValidationError", /400 no: …$/);
    refuse(401);
    await rejectsWith(ask(engine, { prompt }), "RuntimeError", /401 no: …$/);
    refuse(500);
    await rejectsWith(ask(engine, { prompt }), "RuntimeError", /500 no: …$/);
    assert.equal(upstream.calls.length, 3);
    assert.equal((await ask(engine, { prompt })).text, text);
  });

  test("ends with a stream that breaks, and comes up again", async () => {
    await using upstream = await startUpstream();
    await using engine = await open(upstream);
    upstream.instead.push({ breakAfter: 5 });
    await assert.rejects(ask(engine, { prompt }), (error) => {
      assert.ok(error instanceof EngineDied);
      assert.match(error.death.stderrTail, /^the upstream failed: /);
      return true;
    });
    await engine.whenReady();
    assert.equal((await ask(engine, { prompt })).text, text);
  });

  test("goes on where the upstream is there and only ends its connections", async () => {
    await using upstream = await startUpstream();
    await using engine = await open(upstream);
    const pid = engine.pid();
    const [idle, broken] = [
      Promise.withResolvers<void>(),
      Promise.withResolvers<void>(),
    ];
    upstream.instead.push(
      { pauseAfter: 1, until: idle.promise },
      { breakAfter: 1, at: broken.promise },
    );
    const first = ask(engine, { prompt });
    await eventually(() => upstream.calls.length === 1);
    const second = ask(engine, { prompt });
    await eventually(() => upstream.calls.length === 2);
    idle.resolve();
    assert.equal((await first).text, text);
    upstream.endIdle();
    broken.resolve();
    await assert.rejects(second, /the answer broke off/);
    // The first one's, on which the engine asked whether the upstream is there.
    assert.equal(upstream.endedIdle(), 1);
    assert.equal((await ask(engine, { prompt })).text, text);
    assert.equal(engine.pid(), pid);
  });

  test("ends where the upstream is gone, and is not ready before it is back", async () => {
    await using upstream = await startUpstream();
    await using engine = await open(upstream);
    await upstream.goAway();
    await assert.rejects(ask(engine, { prompt }), (error) => {
      assert.ok(error instanceof EngineDied);
      assert.match(error.death.stderrTail, /^the upstream is gone: /);
      return true;
    });
    await eventually(() => engine.state().status === "failed");
    const state = engine.state();
    assert.ok(state.status === "failed");
    assert.match(state.error.message, /^the upstream does not answer/);
    await upstream.comeBack();
    await engine.whenReady();
    assert.equal((await ask(engine, { prompt })).text, text);
  });

  test("is not ready for a model that the upstream has not got", async () => {
    await using upstream = await startUpstream();
    const { url } = upstream;
    await using engine = await openEngine({
      engine: "openai",
      upstream: { url, key, model: "another" },
    });
    await eventually(() => engine.state().status === "failed");
    assert.deepEqual(engine.state(), {
      status: "failed",
      error: {
        type: "ModelLoadError",
        message: `the upstream has no model another; it has: ${model}`,
      },
    });
  });
});
