/** Upstreams that are there and answer as they shouldn't: what is odd costs its own task at most. */
import { eventually } from "@jetscribe/testing";
import assert from "node:assert/strict";
import fc from "fast-check";
import { afterAll, beforeAll, describe, test } from "vitest";
import { EngineDied, EngineError, type EngineConfig } from "../engine.ts";
import {
  ask,
  openEngine,
  type TestEngine,
} from "../../../test/engineTestKit.ts";
import {
  answer,
  key,
  model,
  startUpstream,
  type RawAnswer,
  type TestUpstream,
} from "../../../test/upstreamTestKit.ts";

const prompt = "Explain gravity.";
const json = (value: unknown) => `data: ${JSON.stringify(value)}\n\n`;
const choice = (fields: object) => json({ choices: [{ index: 0, ...fields }] });
const says = (content: unknown) => choice({ delta: { content } });
const ends = (finish_reason: unknown) => choice({ delta: {}, finish_reason });
const stop = ends("stop");
const done = "data: [DONE]\n\n";

const configFor = ({ url }: TestUpstream): Partial<EngineConfig> => ({
  engine: "openai",
  upstream: { url, key, model },
});

async function open(upstream: TestUpstream): Promise<TestEngine> {
  const engine = await openEngine(configFor(upstream));
  await engine.whenReady();
  return engine;
}

describe("an odd answer of an upstream", () => {
  let upstream: TestUpstream;
  let engine: TestEngine;
  let pid: number | undefined;
  beforeAll(async () => {
    upstream = await startUpstream();
    engine = await open(upstream);
    pid = engine.pid();
  });
  afterAll(async () => {
    await engine[Symbol.asyncDispose]();
    await upstream[Symbol.asyncDispose]();
  });

  /** The result of an answer; whatever it is, the engine's process goes on. */
  async function hearRaw(raw: RawAnswer, signal?: AbortSignal) {
    upstream.instead.push(raw);
    try {
      return await ask(engine, { prompt, ...(signal && { signal }) });
    } finally {
      assert.equal(engine.pid(), pid);
      assert.deepEqual(engine.errors, []);
    }
  }
  const hear = (...pieces: string[]) => hearRaw({ pieces });

  const fails = (asked: Promise<unknown>, message: RegExp) =>
    assert.rejects(asked, (error) => {
      assert.ok(error instanceof EngineError);
      assert.equal(error.type, "RuntimeError");
      assert.match(error.message, message);
      return true;
    });

  test("leaves out chunks that say nothing, and has the text of the others", async () => {
    for (const odd of [
      choice({ finish_reason: null, content_filter_offsets: {} }),
      choice({ delta: null }),
      json({}),
      json({ choices: null }),
      json({ choices: [] }),
      json(null),
      json(7),
      json([[]]),
      ": hm\n\n",
      "\n\n",
      "data:\n\n",
      "event: odd\n\n",
      says(7),
      says({ a: 1 }),
    ]) {
      const { text, finishReason } = await hear(
        says("Hello "),
        odd,
        says("world"),
        stop,
        done,
      );
      assert.deepEqual([text, finishReason], ["Hello world", "stop"]);
    }
  });

  test("keeps the text for whatever reason it ends", async () => {
    for (const reason of ["", "eos", "end_turn", "STOP", "a new one", 7, {}]) {
      const result = await hear(says("all of it"), ends(reason), done);
      assert.equal(result.text, "all of it");
      assert.equal(result.finishReason, "stop");
    }
    for (const reason of ["length", "max_tokens", "MAX_TOKENS"]) {
      const result = await hear(says("a part"), ends(reason), done);
      assert.deepEqual(
        [result.text, result.finishReason],
        ["a part", "length"],
      );
    }
  });

  test("is as long as the upstream says, where each piece has an empty reason", async () => {
    const piece = (content: string) =>
      choice({ delta: { content }, finish_reason: "" });
    const result = await hear(piece("a"), piece("b"), ends("length"), done);
    assert.deepEqual([result.text, result.finishReason], ["ab", "length"]);
  });

  test("is whole by its [DONE], whether or not a reason was told", async () => {
    const { text, finishReason } = await hear(says("whole"), done);
    assert.deepEqual([text, finishReason], ["whole", "stop"]);
  });

  test("has its reasoning beside the text", async () => {
    const thinks = (reasoning: string) => choice({ delta: { reasoning } });
    const both = await hear(thinks("2 + "), thinks("2"), says("4"), stop, done);
    assert.deepEqual([both.reasoning, both.text], ["2 + 2", "4"]);
    const alone = await hear(thinks("2 + 2"), ends("length"), done);
    assert.deepEqual([alone.reasoning, alone.text], ["2 + 2", ""]);
    assert.equal((await hear(says("4"), stop, done)).reasoning, undefined);
  });

  test("has whole characters where the upstream cuts one in two", async () => {
    const halves = [says("a\ud83d"), says("\ude00b"), says("\ud83d")];
    const { text, pieces } = await hear(...halves, stop, done);
    assert.equal(text, "a😀b\ufffd");
    assert.equal(pieces.join(""), text);
    assert.ok(pieces.every((piece) => piece.isWellFormed()));
  });

  test("fails its task with what was wrong", async () => {
    const failed = /^the upstream failed: /.source;
    const because = (why: string) => new RegExp(failed + why);
    await fails(
      hear(says("Hello"), "data: {'a':\n\n", stop, done),
      because("it sent an event that is no JSON$"),
    );
    await fails(hear(says("Hel")), because("the stream ended before the text"));
    await fails(hear(done), because("it ended without a text"));
    await fails(
      hear(says("Hello"), json({ error: { message: `no: ${key}` } })),
      because("no: …$"),
    );
    await fails(
      hear(says("Hello"), ends("content_filter"), done),
      because("it ended the text by content_filter$"),
    );
    for (const [contentType, piece] of [
      ["application/json", '{"choices":[{"message":{"content":"a"}}]}'],
      ["text/html", "<html>\n<p>data: none</p>\n</html>"],
      ["text/plain", ""],
    ] as const)
      await fails(
        hearRaw({ contentType, pieces: piece === "" ? [] : [piece] }),
        because(`it answered without an event, with ${contentType}$`),
      );
    const long = `data: ${"x".repeat(2 ** 20)}`;
    await fails(hear(long), because("an event has more than 1048576 char"));
  });

  test("fails its task where it has no end", async () => {
    const part = says("x".repeat(2 ** 19));
    const pieces = Array.from({ length: 20 }, () => part);
    await fails(hearRaw({ pieces }), /^the upstream sent more than 8388608 /);
  });

  test("ends its own attempt where one connection breaks", async () => {
    let heard = "";
    const onText = (text: string) => (heard += text);
    const neighbour = ask(engine, { prompt, onText });
    await eventually(() => heard !== "");
    const broken = hearRaw({
      pieces: [says("Hello")],
      pauseMs: 50,
      reset: true,
    });
    await assert.rejects(broken, (error) => {
      assert.ok(error instanceof EngineDied);
      assert.match(error.message, /^the upstream failed: the answer broke off/);
      return true;
    });
    assert.equal((await neighbour).text, answer.join(""));
    assert.equal(heard, answer.join(""));
  });

  test("is whole where the connection breaks behind its end", async () => {
    const pieces = [says("whole"), stop];
    const { text } = await hearRaw({ pieces, pauseMs: 50, reset: true });
    assert.equal(text, "whole");
  });

  /** Runs it against random answers, each heard out or broken off. */
  const fuzz = (
    raw: fc.Arbitrary<RawAnswer>,
    numRuns: number,
    mostMs: number,
  ) =>
    fc.assert(fc.asyncProperty(raw, fc.constantFrom(9, mostMs), hearOrFail), {
      numRuns,
    });

  /** The second where the answer begins as a 400. */
  const types = new Set(["RuntimeError", "ValidationError"]);

  async function hearOrFail(raw: RawAnswer, abortMs: number): Promise<void> {
    try {
      const result = await hearRaw(raw, AbortSignal.timeout(abortMs));
      assert.equal(result.pieces.join(""), result.text);
      assert.ok(result.text.isWellFormed());
      for (const count of [result.promptTokens, result.completionTokens])
        assert.ok(Number.isSafeInteger(count) && count >= 0);
    } catch (error) {
      const isOwn =
        (error instanceof EngineError && types.has(error.type)) ||
        (error instanceof EngineDied && (raw.reset || raw.bare)) ||
        (error instanceof DOMException && error.name === "TimeoutError");
      assert.ok(isOwn, String(error));
    } finally {
      // An abort may come before the request.
      upstream.instead.length = 0;
    }
  }

  test("costs nothing but its own task, whatever it is and however it comes", async () => {
    const text = fc.string({ unit: "binary" });
    const value = fc.oneof(fc.jsonValue(), text, fc.array(fc.jsonValue()));
    const event = fc.oneof(
      value.map(says),
      value.map(ends),
      fc.jsonValue().map((delta) => choice({ delta })),
      fc.jsonValue().map((usage) => json({ choices: [], usage })),
      fc.jsonValue().map((reasoning) => choice({ delta: { reasoning } })),
      fc.jsonValue().map(json),
      fc.constantFrom(stop, done, "event: error\n", "\r\n\r\n"),
      fc.uint8Array({ minLength: 1, maxLength: 200 }),
      fc.stringMatching(/^[ -~]+$/),
    );
    const raw: fc.Arbitrary<RawAnswer> = fc.record({
      pieces: fc.array(event, { maxLength: 8 }),
      pauseMs: fc.constantFrom(0, 0, 1, 7),
      reset: fc.boolean(),
    });
    await fuzz(raw, 80, 5_000);
    assert.equal((await ask(engine, { prompt })).text, answer.join(""));
  });

  test("costs nothing but its own task where it is no HTTP, or half of it", async () => {
    const head = fc.constantFrom(
      "HTTP/1.1 200 OK\r\n",
      "HTTP/1.1 999 \r\n",
      "HTTP/1.1 204 No\r\n",
      "HTTP/1.1 101 Up\r\n",
      "HTTP/1.1 200 OK\r\nContent-Encoding: gzip\r\n",
      "HTTP/9",
      "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n",
      "HTTP/1.1 200 OK\r\nContent-Length: 5\r\n",
      ": \r\n",
      "",
      "HTTP/1.1 307 Go\r\nLocation: http://[\r\n",
      "HTTP/1.1 400 No\r\nContent-Length: 99\r\n",
    );
    const piece = fc.oneof(
      fc.constantFrom(says("a"), stop, "\r\n\r\n", "5\r\n", "fffffff\r\n"),
      fc.uint8Array({ minLength: 1, maxLength: 50 }),
    );
    const raw = fc
      .tuple(head, fc.constantFrom("\r\n", ""), fc.array(piece))
      .map(([head, end, pieces]) => ({
        pieces: [head + end, ...pieces],
        bare: true,
      }));
    await fuzz(raw, 40, 200);
    assert.equal((await ask(engine, { prompt })).text, answer.join(""));
  });
});

describe(
  "an upstream whose list of models is odd",
  { concurrent: true },
  () => {
    test("is ready without one, and says so", async () => {
      for (const models of [
        { status: 404, body: '{"detail":"Not Found"}' },
        { status: 405, body: "" },
        { status: 200, body: "<html>" },
        { status: 200, body: '{"object":"list"}' },
      ]) {
        await using upstream = await startUpstream({ models });
        await using engine = await open(upstream);
        const { warnings = [], engineVersion } = await engine.whenReady();
        assert.match(warnings.join(), /^the upstream has no list of models/);
        assert.equal(engineVersion, undefined);
        assert.equal((await ask(engine, { prompt })).text, answer.join(""));
        // It still answers, so a probe and a connection that breaks cost no other task.
        await ask(engine, { prompt, probe: true });
        upstream.instead.push({ breakAfter: 3 });
        await assert.rejects(ask(engine, { prompt }), EngineDied);
        assert.deepEqual(engine.errors, []);
      }
    });

    test("is ready for a model of a bare list", async () => {
      for (const list of [
        [{ id: model }],
        [model],
        [null, { id: model, meta: 7 }],
      ]) {
        const models = { status: 200, body: JSON.stringify(list) };
        await using upstream = await startUpstream({ models });
        await using engine = await open(upstream);
        assert.equal((await engine.whenReady()).warnings, undefined);
      }
    });

    test("is not ready where the key is refused, or nothing answers", async () => {
      for (const status of [401, 503]) {
        await using upstream = await startUpstream({
          models: { status, body: "" },
        });
        await using engine = await openEngine(configFor(upstream));
        await eventually(() => engine.state().status === "failed");
        const state = engine.state();
        assert.ok(state.status === "failed");
        const message = `the upstream does not answer: it answered ${status}`;
        assert.ok(state.error.message.startsWith(message), state.error.message);
      }
    });
  },
);
