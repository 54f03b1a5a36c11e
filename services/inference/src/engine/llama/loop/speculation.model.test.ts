/** What is guessed ahead changes neither text nor counts. On the CPU with one thread a batch's shape changes no digit. */
import type { GenerateParams } from "@jetscribe/schema";
import assert from "node:assert/strict";
import { afterAll, beforeAll, describe, test } from "vitest";
import {
  ask,
  openEngine,
  type Ask,
  type TestEngine,
} from "../../../../test/engineTestKit.ts";

const contextSize = 768;
const config = {
  engine: "llama" as const,
  ...{ slots: 4, contextSize, threads: 1 },
};
const sentence = "The river runs past the mill and the stone bridge. ";
const prompts = [
  ...["Once upon a time", "1 2 3 4 5 6 7 8", "a b a b a b", "Explain gravity:"],
  ...["Repeat: red, green, blue. Repeat: red,", sentence, sentence.repeat(3)],
  ...["The cat sat on the mat. The cat sat", "Q: 1+1? A: 2. Q: 1+1? A:"],
  ...['{"a":1,"b":2},{"a":1,', "x = 1\ny = 2\nx = 1\n", "日本 日本 日本", "#"],
];
const asked = ["Tell me a story.", "Tell me about a river.", "Who are you?"];
const sampled = { temperature: 0.3, max_tokens: 160 };
const schema = {
  type: "array",
  items: { enum: ["red", "green"] },
  ...{ minItems: 12, maxItems: 40 },
};

const all: Record<string, Partial<GenerateParams>> = {
  "the likeliest tokens": { max_tokens: 250 },
  "a text without an end": { max_tokens: 250, ignore_eos: true },
  "a seed": { ...sampled, seed: 1 },
  "top_k, top_p and min_p": {
    ...{ ...sampled, top_k: 30, top_p: 0.9, min_p: 0.02, seed: 6 },
  },
  penalties: {
    ...{ ...sampled, repeat_penalty: 1.1, presence_penalty: 0.2, seed: 3 },
  },
  "a stop text": {
    max_tokens: 250,
    stop: ["moral of", "ory o", "and the sto"],
  },
  "a schema": {
    ...{ max_tokens: 300, seed: 4, temperature: 0.5 },
    response_format: { type: "json_schema", json_schema: { schema } },
  },
};

describe("with speculation", () => {
  let off: TestEngine;
  let on: TestEngine;
  let auto: TestEngine;
  /** Texts to go on with, and conversations that ask again for what was answered. */
  const requests: Ask[] = prompts.map((prompt) => ({ prompt, raw: true }));
  beforeAll(async () => {
    off = await openEngine({ ...config, speculation: "off" });
    on = await openEngine({ ...config, speculation: "on" });
    auto = await openEngine({ ...config, speculation: "auto" });
    await Promise.all([off.whenReady(), on.whenReady(), auto.whenReady()]);
    for (const content of asked) {
      const { text } = await ask(off, { prompt: content });
      const question = { role: "user" as const, content };
      const answer = { role: "assistant" as const, content: text };
      requests.push({ messages: [question, answer, question] });
    }
  });
  afterAll(async () => {
    for (const engine of [off, on, auto]) await engine[Symbol.asyncDispose]();
  });

  async function assertSame(request: Ask) {
    const expected = await ask(off, request);
    const results = [await ask(on, request), await ask(auto, request)];
    for (const result of results)
      for (const key of [
        ...(["text", "finishReason", "completionTokens"] as const),
        ...(["promptTokens", "seed"] as const),
      ])
        assert.equal(result[key], expected[key], key);
    return results[0]!;
  }

  for (const [what, params] of Object.entries(all))
    test(`${what}: the same text and counts`, async () => {
      let drafted = 0;
      let accepted = 0;
      for (const request of requests) {
        const result = await assertSame({
          ...{ ...request, params: { seed: 0, ...params } },
        });
        const { draftedTokens = 0, acceptedTokens = 0 } = result;
        assert.ok(acceptedTokens <= draftedTokens);
        assert.ok(acceptedTokens <= result.completionTokens);
        drafted += draftedTokens;
        accepted += acceptedTokens;
      }
      assert.ok(drafted > 0 && accepted > 0, `${accepted} of ${drafted}`);
    });

  test("a text that fills its context to the last token", async () => {
    const prompt = sentence.repeat(4);
    const { promptTokens } = await ask(on, {
      ...{ prompt, raw: true, params: { max_tokens: 1 } },
    });
    const params = {
      ...{ max_tokens: contextSize - promptTokens, ignore_eos: true, seed: 1 },
    };
    const result = await assertSame({ prompt, raw: true, params });
    assert.equal(result.promptTokens + result.completionTokens, contextSize);
    assert.equal(result.finishReason, "length");
  });

  test("four at once, of which some are cancelled", async () => {
    const params = { max_tokens: 250 };
    const texts: string[] = [];
    for (const request of requests)
      texts.push((await ask(off, { ...request, params })).text);
    let cancelled = 0;
    await Promise.all(
      [...requests, ...requests].map(async (request, i) => {
        const stop = new AbortController();
        const whole = texts[i % texts.length]!;
        let text = "";
        const done = await ask(on, {
          ...{ ...request, params, signal: stop.signal },
          onText(piece) {
            text += piece;
            if (i % 3 === 0) stop.abort("stop");
          },
        }).then(
          (result) => result.text,
          (reason: unknown) => reason,
        );
        if (done === "stop") cancelled += 1;
        else assert.equal(done, whole);
        assert.ok(whole.startsWith(text));
      }),
    );
    assert.ok(cancelled > 5, `${cancelled} were cancelled`);
  });

  test("what was drafted and accepted is counted, with the mode", async () => {
    const before = { ...drafts(on) };
    const { draftedTokens = 0, acceptedTokens = 0 } = await ask(on, {
      ...requests.at(-3),
    });
    assert.ok(draftedTokens > 0);
    assert.deepEqual(drafts(on), {
      mode: "on",
      drafted_tokens: before.drafted_tokens + draftedTokens,
      accepted_tokens: before.accepted_tokens + acceptedTokens,
    });
    assert.deepEqual(drafts(off), {
      ...{ mode: "off", drafted_tokens: 0, accepted_tokens: 0 },
    });
  });

  test("is off in the library's loop, which is told", async () => {
    await using engine = await openEngine({
      ...{ ...config, speculation: "auto", engineLoop: "library" },
    });
    await engine.whenReady();
    assert.match(drafts(engine).because ?? "", /loop/);
    assert.equal(drafts(engine).mode, "off");
  });
});

function drafts(engine: TestEngine) {
  const state = engine.state();
  assert.ok(state.status === "ready" && state.info.speculation !== undefined);
  return state.info.speculation;
}
