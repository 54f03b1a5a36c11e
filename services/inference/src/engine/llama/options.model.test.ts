/** What a request can ask of the sampler, seen in the text of the real model. */
import assert from "node:assert/strict";
import { afterAll, beforeAll, describe, test } from "vitest";
import { EngineError } from "../engine.ts";
import {
  ask,
  openEngine,
  type TestEngine,
} from "../../../test/engineTestKit.ts";

const prompt = "Explain gravity.";

describe("an option", () => {
  let engine: TestEngine;
  beforeAll(async () => {
    engine = await openEngine({
      engine: "llama",
      slots: 4,
      contextSize: 1_024,
    });
    await engine.whenReady();
  });
  afterAll(() => engine[Symbol.asyncDispose]());

  test("stop ends the text before it, over the borders of pieces too", async () => {
    const { text } = await ask(engine, { prompt });
    for (const length of [1, 5, 12]) {
      const at = text.length >> 1;
      const stop = text.slice(at, at + length);
      const result = await ask(engine, { prompt, params: { stop: [stop] } });
      assert.equal(result.text, text.slice(0, text.indexOf(stop)));
      assert.equal(result.pieces.join(""), result.text);
      assert.equal(result.finishReason, "stop");
    }
    const none = await ask(engine, { prompt, params: { stop: ["\u0007"] } });
    assert.equal(none.text, text);
  });

  test("top_k of 1 and min_p of 1 leave only the likeliest token", async () => {
    const { text } = await ask(engine, { prompt });
    for (const one of [{ top_k: 1 }, { min_p: 1 }]) {
      const params = { ...one, temperature: 2 };
      assert.equal((await ask(engine, { prompt, params })).text, text);
    }
  });

  test("logit_bias keeps a token out, and a token that is none is refused", async () => {
    const raw = { prompt: "1 2 3 4 5", raw: true };
    const free = await ask(engine, { ...raw, params: { max_tokens: 4 } });
    const ids = Array.from({ length: 300 }, (_, id) => [String(id), -100]);
    const logit_bias = Object.fromEntries(ids) as Record<string, number>;
    const params = { max_tokens: 4, logit_bias };
    const biased = await ask(engine, { ...raw, params });
    assert.notEqual(biased.text, free.text);
    await assert.rejects(
      ask(engine, { ...raw, params: { logit_bias: { "9999999": 1 } } }),
      (error) =>
        error instanceof EngineError &&
        error.type === "ValidationError" &&
        /9999999/.test(error.message),
    );
  });

  test("logit_bias on the tokens that end a text: -100 never ends it, 100 ends it at once", async () => {
    const both = (bias: number) => ({ logit_bias: { "1": bias, "3": bias } });
    const free = await ask(engine, { prompt });
    assert.equal(free.finishReason, "stop");
    const max_tokens = free.completionTokens + 20;
    const never = await ask(engine, {
      prompt,
      params: { ...both(-100), max_tokens },
    });
    assert.equal(never.finishReason, "length");
    assert.equal(never.completionTokens, max_tokens);
    const at = await ask(engine, { prompt, params: both(100) });
    assert.deepEqual([at.text, at.finishReason], ["", "stop"]);
  });

  test("a penalty changes a text that repeats itself", async () => {
    const raw = { prompt: "one one one one one one", raw: true };
    const longest = { max_tokens: 48 };
    const { text } = await ask(engine, { ...raw, params: longest });
    for (const penalty of [
      { repeat_penalty: 2 },
      { presence_penalty: 2 },
      { frequency_penalty: 2 },
    ]) {
      const params = { ...longest, ...penalty };
      assert.notEqual((await ask(engine, { ...raw, params })).text, text);
    }
  });

  test("ignore_eos goes on to max_tokens, past the end that the model would make", async () => {
    const { text, completionTokens } = await ask(engine, { prompt });
    const params = { ignore_eos: true, max_tokens: completionTokens + 40 };
    const longer = await ask(engine, { prompt, params });
    assert.ok(longer.text.startsWith(text));
    assert.equal(longer.completionTokens, completionTokens + 40);
    assert.equal(longer.finishReason, "length");
  });

  test("json_schema holds the answer to it", async () => {
    const schema = {
      type: "object",
      properties: {
        planet: { enum: ["Earth", "Mars"] },
        round: { type: "boolean" },
      },
      required: ["planet", "round"],
    };
    const response_format = {
      type: "json_schema" as const,
      json_schema: { schema },
    };
    for (const temperature of [0, 1]) {
      const params = { response_format, temperature, max_tokens: 200 };
      const { text, finishReason } = await ask(engine, { prompt, params });
      assert.equal(finishReason, "stop");
      const value = JSON.parse(text) as Record<string, unknown>;
      assert.deepEqual(Object.keys(value), ["planet", "round"]);
      assert.ok(["Earth", "Mars"].includes(String(value["planet"])));
      assert.equal(typeof value["round"], "boolean");
    }
  });

  test("json_object gives an object, or is cut by max_tokens and says so", async () => {
    const params = {
      response_format: { type: "json_object" as const },
      max_tokens: 60,
    };
    const { text, finishReason } = await ask(engine, { prompt, params });
    assert.match(text, /^\s*\{/);
    if (finishReason === "stop") assert.ok(JSON.parse(text));
    else assert.equal(finishReason, "length");
  });

  test("leaves the slot whole for the next task", async () => {
    const { text } = await ask(engine, { prompt });
    const response_format = { type: "json_object" as const };
    const params = { response_format, max_tokens: 8 };
    for (let i = 0; i < 8; i++) await ask(engine, { prompt, params });
    assert.equal((await ask(engine, { prompt })).text, text);
  });
});
