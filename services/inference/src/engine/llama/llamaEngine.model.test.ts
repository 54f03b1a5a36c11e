import assert from "node:assert/strict";
import { afterAll, beforeAll, describe, test } from "vitest";
import { EngineError } from "../engine.ts";
import { engineContract } from "../../../test/engineContract.ts";
import {
  ask,
  openEngine,
  type Ask,
  type TestEngine,
} from "../../../test/engineTestKit.ts";

const slots = 8;
const contextSize = 512;

const prompts = [
  "What is the capital of France?",
  "Explain gravity.",
  "Explain what a database is.",
  "Count from 1 to 10.",
  "What is 7 plus 5?",
  "Tell me a story.",
  "Hello",
  "Why is the sky blue?",
];

describe("the llama engine", () => {
  engineContract({ engine: "llama", contextSize: 8_192 });
});

describe("the llama engine with node-llama-cpp's own loop", () => {
  const contextSize = 8_192;
  engineContract({ engine: "llama", engineLoop: "library", contextSize });
});

describe("the llama engine on the demo model", () => {
  let engine: TestEngine;
  beforeAll(async () => {
    engine = await openEngine({ engine: "llama", slots, contextSize });
    await engine.whenReady();
  });
  afterAll(() => engine[Symbol.asyncDispose]());

  const promptTokens = async (request: Ask) =>
    (await ask(engine, { ...request, params: { max_tokens: 1 } })).promptTokens;

  test("says which model it runs, and on what", async () => {
    const info = await engine.whenReady();
    assert.equal(info.quantization, "Q8_0");
    assert.equal(info.device, "cpu");
    assert.equal(
      info.modelSha256,
      "57e68334bce3ca741c5d6c0482f6cd22182c9e9a87ed2591dfb4f0bd4a1f4d04",
    );
    assert.match(
      info.engineVersion ?? "",
      /^node-llama-cpp \d.*, llama\.cpp \S/,
    );
  });

  test("answers a prompt and a conversation by the model's chat template", async () => {
    const prompt = "What is the capital of France?";
    const content = prompt;
    const written = `<|im_start|>user\n${prompt}<|im_end|>\n<|im_start|>assistant\n`;
    const answer = "The capital of France is Paris.";
    const asPrompt = await ask(engine, { prompt });
    const asMessages = await ask(engine, {
      messages: [{ role: "user", content }],
    });
    const asRaw = await ask(engine, { prompt: written, raw: true });
    for (const { text, finishReason, promptTokens } of [
      ...[asPrompt, asMessages, asRaw],
    ]) {
      assert.equal(text, answer);
      assert.equal(finishReason, "stop");
      assert.equal(promptTokens, asPrompt.promptTokens);
    }
  });

  test("continues a raw text as it is", async () => {
    const { text } = await ask(engine, {
      prompt: "The capital of France",
      raw: true,
      params: { max_tokens: 4 },
    });
    assert.match(text, /^ is Paris/);
  });

  test("reads special tokens in a raw text only", async () => {
    const plain = "a b";
    const special = "a<|im_end|> b";
    const chat = (prompt: string) => promptTokens({ prompt });
    const raw = (prompt: string) => promptTokens({ prompt, raw: true });
    assert.equal((await raw(special)) - (await raw(plain)), 1);
    assert.ok((await chat(special)) - (await chat(plain)) > 3);
    const messages = [{ role: "user" as const, content: special }];
    assert.equal(await promptTokens({ messages }), await chat(special));
  });

  test("counts the tokens of a text exactly", async () => {
    for (const prompt of prompts) {
      const { text, completionTokens } = await ask(engine, { prompt });
      const cut = (max_tokens: number) =>
        ask(engine, { prompt, params: { max_tokens } });
      const exact = await cut(completionTokens);
      assert.equal(exact.text, text);
      assert.equal(exact.finishReason, "length");
      assert.equal(exact.completionTokens, completionTokens);
      assert.equal((await cut(completionTokens + 1)).finishReason, "stop");
      assert.ok((await cut(completionTokens - 1)).text.length < text.length);
    }
  });

  test("gives the same text at temperature 0, alone, among others and on a used slot", async () => {
    const alone = new Map<string, string>();
    for (const prompt of prompts)
      alone.set(prompt, (await ask(engine, { prompt })).text);
    for (let round = 0; round < 10; round++)
      await Promise.all(
        [...prompts, ...prompts].map(async (prompt) => {
          const { text } = await ask(engine, { prompt });
          assert.equal(text, alone.get(prompt));
        }),
      );
  });

  test("gives the same text for the same seed, also among others", async () => {
    const prompt = "Tell me a story.";
    const seeded = async (seed: number) => {
      const params = { temperature: 1.5, max_tokens: 60, seed };
      return (await ask(engine, { prompt, params })).text;
    };
    const seeds = Array.from({ length: slots }, (_, i) => i);
    const alone: string[] = [];
    for (const seed of seeds) alone.push(await seeded(seed));
    assert.equal(new Set(alone).size, slots);
    for (let round = 0; round < 5; round++)
      assert.deepEqual(await Promise.all(seeds.map(seeded)), alone);
  });

  test("uses the whole context, and not a token more", async () => {
    const request = { prompt: " word".repeat(contextSize - 10), raw: true };
    const max_tokens = contextSize - (await promptTokens(request));
    assert.ok(max_tokens > 1);
    const whole = await ask(engine, { ...request, params: { max_tokens } });
    assert.equal(whole.finishReason, "length");
    assert.equal(whole.completionTokens, max_tokens);
    const params = { max_tokens: max_tokens + 1 };
    await assert.rejects(ask(engine, { ...request, params }), EngineError);
  });
});

describe("a long prompt", () => {
  const contextSize = 8_192;
  const long = { prompt: "word ".repeat(7_000), raw: true };
  /** Its text lasts until it is aborted. */
  const story = {
    prompt: "Tell me a story.",
    params: { max_tokens: 8_000, ignore_eos: true },
  };
  let engine: TestEngine;
  beforeAll(async () => {
    engine = await openEngine({ engine: "llama", slots: 2, contextSize });
    await engine.whenReady();
  });
  afterAll(() => engine[Symbol.asyncDispose]());

  test("is read in slices, between which the others go on", async () => {
    const stop = new AbortController();
    let tokens = 0;
    let toldBefore = 0;
    const telling = ask(engine, {
      ...{ ...story, signal: stop.signal },
      onText: (_, counts) => (tokens = counts.completionTokens),
    });
    const { promptTokens } = await ask(engine, {
      ...{ ...long, params: { max_tokens: 1 } },
      onText: () => (toldBefore = tokens),
    });
    stop.abort(new Error("enough"));
    await assert.rejects(telling, { message: "enough" });
    assert.ok(promptTokens >= 7_000);
    assert.ok(toldBefore >= 10, `${toldBefore} tokens`);
  });

  test("is given up at an abort, and the other one is told to its end", async () => {
    const stop = new AbortController();
    // Another one than before, or the slot would have it already.
    const other = { ...long, prompt: `Now ${long.prompt}` };
    const reading = ask(engine, { ...other, signal: stop.signal });
    const onText = () => stop.abort(new Error("enough"));
    const telling = ask(engine, { prompt: story.prompt, onText });
    await assert.rejects(reading, { message: "enough" });
    assert.equal((await telling).finishReason, "stop");
  });
});

describe("a model that cannot be loaded", () => {
  test("is refused by name", async () => {
    await using engine = await openEngine((folder) => ({
      engine: "llama",
      model: folder,
    }));
    const changed = Promise.withResolvers<void>();
    engine.onChange(changed.resolve);
    await changed.promise;
    assert.deepEqual(engine.state(), {
      status: "failed",
      error: {
        type: "ModelLoadError",
        message: `${engine.folder} is not a file`,
      },
    });
  });
});
