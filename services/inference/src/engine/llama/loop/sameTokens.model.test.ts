/** At one slot the loop of our own gives the tokens that node-llama-cpp's gives, whatever is asked for. */
import type { GenerateParams } from "@jetscribe/schema";
import assert from "node:assert/strict";
import { afterAll, beforeAll, describe, test } from "vitest";
import {
  ask,
  openEngine,
  type Ask,
  type TestEngine,
} from "../../../../test/engineTestKit.ts";

// Another number of threads computes other last digits.
const config = {
  engine: "llama" as const,
  ...{ slots: 1, contextSize: 1_024, threads: 1 },
};
const prompt = "Tell me a story.";
const sampled = { temperature: 1.2, max_tokens: 80 };
const schema = {
  type: "object",
  properties: { name: { type: "string" }, age: { type: "integer" } },
  required: ["name", "age"],
};

const all: Record<string, Partial<GenerateParams>> = {
  "the likeliest tokens": {},
  "a text longer than penalties look back": {
    ...{ repeat_penalty: 1.3, presence_penalty: 0.4, frequency_penalty: 0.2 },
    ...{ ignore_eos: true, max_tokens: 400, temperature: 0.9, seed: 5 },
  },
  "a repeat penalty alone": { repeat_penalty: 1.5, max_tokens: 100 },
  "a low temperature": { ...sampled, temperature: 0.3, seed: 1 },
  "a high temperature": { ...sampled, temperature: 2, seed: 2 },
  "the highest seed": { ...sampled, seed: 4_294_967_295 },
  top_k: { ...sampled, top_k: 5, seed: 3 },
  top_p: { ...sampled, top_p: 0.7, seed: 4 },
  min_p: { ...sampled, min_p: 0.1, seed: 5 },
  "top_k, top_p and min_p": {
    ...{ ...sampled, top_k: 30, top_p: 0.9, min_p: 0.02, seed: 6 },
  },
  logit_bias: { ...sampled, seed: 7, logit_bias: { "300": 5, "301": -100 } },
  "a bias on the end": { logit_bias: { "1": -100, "3": -100 }, max_tokens: 90 },
  "a stop text": { stop: ["the"], max_tokens: 200 },
  ignore_eos: { ignore_eos: true, max_tokens: 300 },
  json_object: {
    ...{ ...sampled, seed: 8, response_format: { type: "json_object" } },
  },
  "a schema": {
    ...{ ...sampled, max_tokens: 200, seed: 9 },
    response_format: { type: "json_schema", json_schema: { schema } },
  },
  "a schema, greedy": {
    ...{ max_tokens: 120, logit_bias: { "300": 3 } },
    response_format: { type: "json_schema", json_schema: { schema } },
  },
};

describe("the same tokens as by the library's loop", () => {
  let own: TestEngine;
  let library: TestEngine;
  beforeAll(async () => {
    own = await openEngine(config);
    library = await openEngine({ ...config, engineLoop: "library" });
    await Promise.all([own.whenReady(), library.whenReady()]);
  });
  afterAll(async () => {
    await own[Symbol.asyncDispose]();
    await library[Symbol.asyncDispose]();
  });

  async function assertSame(request: Ask): Promise<string> {
    const [one, other] = await Promise.all([
      ask(own, request),
      ask(library, request),
    ]);
    // Of a short prompt the own loop keeps more, which changes nothing.
    for (const key of [
      ...(["text", "finishReason", "completionTokens"] as const),
      "promptTokens" as const,
    ])
      assert.equal(one[key], other[key], key);
    assert.ok(one.completionTokens > 0);
    return one.text;
  }

  for (const [what, params] of Object.entries(all))
    test(`with ${what}`, async () => {
      const first = { seed: 0, ...params };
      await assertSame({ prompt, params: first });
      // A slot that was used, and other seeds.
      for (const seed of [11, 12])
        await assertSame({ prompt, params: { ...first, seed } });
    });

  test("after a kept text, with penalties on what was begun", async () => {
    const params = {
      ...{ repeat_penalty: 1.4, temperature: 0.8, seed: 4, max_tokens: 60 },
    };
    const whole = await assertSame({ prompt, params });
    const text = whole.slice(0, whole.length >> 1);
    await assertSame({ prompt, params, continueFrom: { text, tokens: 20 } });
  });

  test("in a prompt that is read in pieces, and in a conversation that goes on", async () => {
    const content = "The river runs past the mill and the stone bridge. ";
    const messages: Ask["messages"] = [];
    for (const times of [60, 3, 8]) {
      messages.push({ role: "user", content: content.repeat(times) });
      const params = { max_tokens: 20 };
      const answer = await assertSame({ messages, params });
      messages.push({ role: "assistant", content: answer });
    }
  });
});
