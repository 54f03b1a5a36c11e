/** What every engine keeps, whatever stands behind the port; each adapter's test runs it, in a real child. */
import { eventually } from "@jetscribe/testing";
import assert from "node:assert/strict";
import { afterAll, beforeAll, test } from "vitest";
import {
  EngineError,
  type EngineConfig,
  type TokenCounts,
} from "../src/engine/engine.ts";
import { ask, openEngine, type Ask, type TestEngine } from "./engineTestKit.ts";

const prompt = "Explain gravity.";
const slots = 4;

/**
 * Adds the contract's tests for the engine of this configuration, which must take seconds for a text that fills its
 * context. `toGoOn`: a request whose begun text it can go on with.
 */
export function engineContract(
  { contextSize = 1_024, ...config }: Partial<EngineConfig>,
  toGoOn: Pick<Ask, "prompt" | "raw"> = { prompt },
): void {
  /** Its text lasts until it is aborted. */
  const endless: Ask = {
    prompt,
    params: { max_tokens: contextSize - 100, ignore_eos: true },
  };
  let engine: TestEngine;
  beforeAll(async () => {
    engine = await openEngine({ ...config, slots, contextSize });
    await engine.whenReady();
  });
  afterAll(() => engine[Symbol.asyncDispose]());

  void test("says what it is", async () => {
    const info = await engine.whenReady();
    assert.equal(info.engine, config.engine);
    assert.equal(info.slots, slots);
    assert.equal(info.contextSize, contextSize);
  });

  void test("gives the text in pieces, and all of it in the end", async () => {
    const stop = new AbortController();
    const reason = new Error("enough");
    let pieces = 0;
    const onText = () => {
      pieces += 1;
      if (pieces === 2) stop.abort(reason);
    };
    const { signal } = stop;
    await assert.rejects(ask(engine, { ...endless, signal, onText }), reason);
    const result = await ask(engine, { prompt });
    assert.equal(result.pieces.join(""), result.text);
    assert.ok(result.pieces.every((piece) => piece !== ""));
    assert.equal(result.finishReason, "stop");
    assert.ok(result.completionTokens > 1);
    assert.ok(result.promptTokens > 1);
  });

  void test("counts the tokens as it speaks", async () => {
    const counted: TokenCounts[] = [];
    const onText = (_: string, counts: TokenCounts) => counted.push(counts);
    const result = await ask(engine, { prompt, onText });
    const completion = counted.map((counts) => counts.completionTokens);
    assert.ok(completion.every((count, i) => count > (completion[i - 1] ?? 0)));
    assert.equal(completion.at(-1), result.completionTokens);
    for (const { promptTokens } of counted)
      assert.equal(promptTokens, result.promptTokens);
  });

  void test("goes on from a text that was begun, as if it had written it", async () => {
    const whole = await ask(engine, toGoOn);
    const { text, completionTokens, promptTokens } = whole;
    for (const tokens of [1, completionTokens >> 1, completionTokens - 1]) {
      const params = { max_tokens: tokens };
      const { text: begun } = await ask(engine, { ...toGoOn, params });
      const continueFrom = { text: begun, tokens };
      const rest = await ask(engine, { ...toGoOn, continueFrom });
      assert.equal(rest.text, text);
      assert.equal(begun + rest.pieces.join(""), text);
      assert.equal(rest.completionTokens, completionTokens);
      assert.equal(rest.promptTokens, promptTokens);
      assert.equal(rest.finishReason, "stop");
    }
  });

  void test("counts what was begun towards max_tokens", async () => {
    const { text: begun } = await ask(engine, {
      ...toGoOn,
      params: { max_tokens: 3 },
    });
    const continueFrom = { text: begun, tokens: 3 };
    const params = { max_tokens: 5 };
    const five = await ask(engine, { ...toGoOn, params });
    const rest = await ask(engine, { ...toGoOn, params, continueFrom });
    assert.equal(rest.text, five.text);
    assert.equal(rest.completionTokens, 5);
    assert.equal(rest.finishReason, "length");
    const none = await ask(engine, {
      ...toGoOn,
      continueFrom,
      params: { max_tokens: 3 },
    });
    assert.deepEqual([none.text, none.pieces], [begun, []]);
    assert.equal(none.completionTokens, 3);
    assert.equal(none.finishReason, "length");
  });

  void test("stops at max_tokens", async () => {
    const whole = await ask(engine, { prompt });
    const cut = await ask(engine, { prompt, params: { max_tokens: 3 } });
    assert.equal(cut.finishReason, "length");
    assert.equal(cut.completionTokens, 3);
    assert.ok(cut.text.length > 0 && cut.text.length < whole.text.length);
    assert.ok(whole.text.startsWith(cut.text));
  });

  void test("refuses what does not fit the context, with both numbers", async () => {
    const { promptTokens } = await ask(engine, { prompt });
    const max_tokens = contextSize - promptTokens;
    await ask(engine, { prompt, params: { max_tokens } });
    const pieces: string[] = [];
    await assert.rejects(
      ask(engine, {
        prompt,
        params: { max_tokens: max_tokens + 1 },
        onText: (text) => pieces.push(text),
      }),
      (error) =>
        error instanceof EngineError &&
        error.type === "ValidationError" &&
        error.message.includes(`${promptTokens} tokens`) &&
        error.message.includes(`max_tokens is ${max_tokens + 1}`),
    );
    assert.deepEqual(pieces, []);
  });

  void test("tells the seed that it used", async () => {
    const params = { max_tokens: 1, seed: 4_294_967_295 };
    assert.equal((await ask(engine, { prompt, params })).seed, params.seed);
    const { seed } = await ask(engine, { prompt, params: { max_tokens: 1 } });
    assert.ok(seed !== undefined && Number.isInteger(seed) && seed >= 0);
  });

  void test("does nothing for a signal that is aborted already", async () => {
    const reason = new Error("too late");
    const signal = AbortSignal.abort(reason);
    const onText = () => assert.fail("a piece of text");
    await assert.rejects(ask(engine, { prompt, signal, onText }), reason);
  });

  void test("ends at an abort with its reason, without a further piece, and frees the slot", async () => {
    let heard = 0;
    const onText = () => (heard += 1);
    const stopAnother = new AbortController();
    const { signal } = stopAnother;
    const another = ask(engine, { ...endless, signal, onText });
    const abortOne = async () => {
      const stop = new AbortController();
      const reason = new Error("enough");
      let pieces = 0;
      const onText = () => {
        pieces += 1;
        stop.abort(reason);
      };
      await assert.rejects(
        ask(engine, { ...endless, signal: stop.signal, onText }),
        (error) => error === reason,
      );
      assert.equal(pieces, 1);
    };
    await Promise.all(Array.from({ length: slots - 1 }, abortOne));
    // The one that was not aborted is not at its end, and goes on.
    const before = heard;
    await eventually(() => heard > before);
    const reason = new Error("enough");
    stopAnother.abort(reason);
    await assert.rejects(another, (error) => error === reason);
    const afterwards = await Promise.all(
      Array.from({ length: slots }, () => ask(engine, { prompt })),
    );
    for (const { finishReason } of afterwards)
      assert.equal(finishReason, "stop");
  });

  void test("takes more at once than it has slots, and mixes nothing up", async () => {
    const { text } = await ask(engine, { prompt });
    const results = await Promise.all(
      Array.from({ length: slots * 3 }, (_, i) =>
        ask(engine, { prompt, params: { max_tokens: i % 2 ? 256 : 2 } }),
      ),
    );
    results.forEach((result, i) => {
      assert.equal(result.pieces.join(""), result.text);
      if (i % 2) assert.equal(result.text, text);
      else assert.equal(result.completionTokens, 2);
    });
  });
}
