/** A draft model changes neither text nor counts, whatever it guesses. On the CPU with one thread a batch's shape changes no digit. */
import type { GenerateParams } from "@jetscribe/schema";
import assert from "node:assert/strict";
import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, beforeAll, describe, test } from "vitest";
import {
  ask,
  demoModel,
  openEngine,
  type Ask,
  type TestEngine,
} from "../../../../test/engineTestKit.ts";
import { writeTinyModel } from "../../../../test/modelTestKit.ts";

const contextSize = 768;
const config = {
  engine: "llama" as const,
  ...{ slots: 4, contextSize, threads: 1 },
};
const folder = mkdtempSync(join(tmpdir(), "jetscribe-draft-"));
afterAll(() => rmSync(folder, { recursive: true }));

const prompts = [
  ...["Once upon a time", "1 2 3 4 5 6 7 8", "Explain gravity:", "日本 日本"],
  // Longer than what is read in one piece.
  "The river runs past the mill and the stone bridge. ".repeat(25),
];
const all: Record<string, Partial<GenerateParams>> = {
  "the likeliest tokens": { max_tokens: 120 },
  "a text without an end": { max_tokens: 120, ignore_eos: true },
  "a seed, penalties, top_k and top_p": {
    ...{ temperature: 0.7, seed: 3, max_tokens: 120 },
    ...{ repeat_penalty: 1.1, top_k: 30, top_p: 0.9 },
  },
  "a stop text": { max_tokens: 120, stop: ["ory o", "and the sto"] },
};

describe("with a draft model", () => {
  let plain: TestEngine;
  /** The model drafts for itself. */
  let itself: TestEngine;
  /** Random weights draft. */
  let random: TestEngine;
  let auto: TestEngine;
  beforeAll(async () => {
    const draftModel = await writeTinyModel(join(folder, "random.gguf"), {
      architecture: "llama",
    });
    const on = { ...config, speculation: "on" as const };
    plain = await openEngine({ ...config, speculation: "off" });
    itself = await openEngine({ ...on, draftModel: demoModel });
    random = await openEngine({ ...on, draftModel });
    auto = await openEngine({ ...config, speculation: "auto", draftModel });
    for (const engine of [plain, itself, random, auto])
      await engine.whenReady();
  });
  afterAll(async () => {
    for (const engine of [plain, itself, random, auto])
      await engine[Symbol.asyncDispose]();
  });

  async function askSame(request: Ask) {
    const expected = await ask(plain, request);
    const results = [];
    for (const engine of [itself, random, auto]) {
      const result = await ask(engine, request);
      for (const key of [
        ...(["text", "finishReason", "completionTokens"] as const),
        ...(["promptTokens", "seed"] as const),
      ])
        assert.equal(result[key], expected[key], key);
      const { draftedTokens = 0, acceptedTokens = 0 } = result;
      results.push({ ...result, draftedTokens, acceptedTokens });
    }
    return results;
  }

  for (const [what, params] of Object.entries(all))
    test(`${what}: the same text and counts`, async () => {
      const drafted = [0, 0, 0];
      const accepted = [0, 0, 0];
      for (const prompt of prompts) {
        const results = await askSame({
          ...{ prompt, raw: true, params: { seed: 0, ...params } },
        });
        results.forEach(({ draftedTokens, acceptedTokens }, i) => {
          drafted[i]! += draftedTokens;
          accepted[i]! += acceptedTokens;
        });
      }
      // `auto` may have given up its model in an earlier test.
      assert.ok(drafted.slice(0, 2).every((count) => count > 0));
      assert.ok(accepted[0]! > 0);
      // Out of three thousand tokens.
      assert.ok(accepted[1]! < drafted[1]! / 10);
    });

  test("the model's own greedy guesses are all right, and save four steps of five", async () => {
    const [result] = await askSame({
      ...{ prompt: "Tell me a story.", params: { max_tokens: 101, seed: 0 } },
    });
    const { draftedTokens = 0, acceptedTokens = 0 } = result!;
    assert.equal(acceptedTokens, draftedTokens);
    assert.ok(acceptedTokens >= 0.75 * result!.completionTokens);
  });

  test("`auto` gives up a model whose guesses are wrong", async () => {
    const params = { max_tokens: 400, ignore_eos: true };
    const { draftedTokens = 0 } = await ask(auto, { prompt: "Hi", params });
    assert.ok(draftedTokens <= 0.2 * params.max_tokens, `${draftedTokens}`);
  });

  test("a text that fills its context to the last token", async () => {
    const prompt = prompts.at(-1)!;
    const { promptTokens } = await ask(plain, {
      ...{ prompt, raw: true, params: { max_tokens: 1 } },
    });
    const max_tokens = contextSize - promptTokens;
    const params = { max_tokens, ignore_eos: true, seed: 1 };
    for (const result of await askSame({ prompt, raw: true, params }))
      assert.equal(result.promptTokens + result.completionTokens, contextSize);
  });

  test("four at once, of which some are cancelled", async () => {
    const params = { max_tokens: 150 };
    const requests = prompts.map((prompt) => ({ prompt, raw: true, params }));
    const texts: string[] = [];
    for (const request of requests)
      texts.push((await ask(plain, request)).text);
    let cancelled = 0;
    for (const engine of [itself, random])
      await Promise.all(
        [...requests, ...requests].map(async (request, i) => {
          const stop = new AbortController();
          const whole = texts[i % texts.length]!;
          const done = await ask(engine, {
            ...{ ...request, signal: stop.signal },
            onText: () => i % 3 === 0 && stop.abort("stop"),
          }).then(
            ({ text }) => text,
            (reason: unknown) => reason,
          );
          if (done === "stop") cancelled += 1;
          else assert.equal(done, whole);
        }),
      );
    assert.ok(cancelled > 4, `${cancelled} were cancelled`);
  });

  test("the model that drafts is told, and its memory is counted", async () => {
    const memoryOf = async (engine: TestEngine) => {
      const { memory } = await engine.whenReady();
      assert.ok(memory !== undefined);
      return memory;
    };
    const one = await memoryOf(plain);
    const twice = await memoryOf(itself);
    const little = await memoryOf(random);
    const keys = ["weights_mib", "kv_per_slot_mib", "compute_mib"] as const;
    for (const key of keys) {
      // Each is rounded to a quarter.
      assert.ok(Math.abs(twice[key] - 2 * one[key]) <= 0.5, key);
      assert.ok(little[key] > one[key], key);
    }
    assert.equal(speculationOf(itself).draft_model, "demo.gguf");
    assert.equal(speculationOf(plain).draft_model, undefined);
  });
});

describe("a draft model that is not used", () => {
  test.each([
    [{ speculation: "off" as const }, /SPECULATION is off/],
    [{ speculation: "on" as const, engineLoop: "library" as const }, /loop/],
  ])("%o is told", async (change, told) => {
    // It is not even looked for.
    const draftModel = join(folder, "none.gguf");
    await using engine = await openEngine({ ...config, ...change, draftModel });
    await engine.whenReady();
    assert.equal(speculationOf(engine).mode, "off");
    assert.match(speculationOf(engine).because ?? "", told);
  });
});

function speculationOf(engine: TestEngine) {
  const state = engine.state();
  assert.ok(state.status === "ready" && state.info.speculation !== undefined);
  return state.info.speculation;
}
