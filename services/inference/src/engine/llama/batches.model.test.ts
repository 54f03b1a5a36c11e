/** Generations that begin at different times share their batches, in both loops. */
import type { LlamaContext } from "node-llama-cpp";
import assert from "node:assert/strict";
import { test } from "vitest";
import { demoModel } from "../../../test/engineTestKit.ts";
import { makeBiasOf } from "./bias.ts";
import { generate } from "./generate.ts";
import { openNative } from "./internals.ts";
import { makeLibrarySequences } from "./libraryLoop.ts";
import { load } from "./load.ts";
import { makeBatchLoop } from "./loop/batchLoop.ts";
import { fixedThreads } from "./loop/threads.ts";
import { makePromptReader } from "./prompt.ts";
import type { Sequence } from "./sequence.ts";

const length = 100;
const nothing = () => undefined;

const loops: Record<string, (context: LlamaContext) => Sequence[]> = {
  "our own": (context) => {
    const native = openNative(context);
    assert.ok(typeof native !== "string");
    return makeBatchLoop(native, context.totalSequences, fixedThreads(1));
  },
  "the library's": makeLibrarySequences,
};

for (const [loop, open] of Object.entries(loops))
  test(`two that began at different times need hardly more batches than one, in ${loop} loop`, async () => {
    const { model, context } = await load(
      demoModel,
      {
        ...{ engine: "llama", model: demoModel, gpu: "off", threads: 1 },
        ...{ modelsDir: "", dataDir: "", slots: 2, contextSize: 512 },
        ...{ fakeMs: 0, fakeTokens: 0 },
      },
      {
        ...{ onProgress: nothing, onWarning: nothing, onThreads: nothing },
      },
    );
    const batches = countBatches(context);
    const biasOf = makeBiasOf(model);
    const request = {
      prompt: "Tell me a story.",
      params: {
        ...{ max_tokens: length, temperature: 0, top_p: 1, ignore_eos: true },
      },
    };
    const { signal } = new AbortController();
    const { contextSize } = context;
    const read = makePromptReader(model);
    const prompt = await read(request, contextSize, signal);
    const begun = Promise.withResolvers<void>();
    const run = (sequence: Sequence, onText: () => void) =>
      generate({ model, contextSize, biasOf, sequence }, prompt, request, {
        ...{ signal, onText },
      });
    const sequences = open(context);
    const first = run(sequences[0]!, () => begun.resolve());
    await begun.promise;
    const second = run(sequences[1]!, () => undefined);
    const both = await Promise.all([first, second]);
    assert.deepEqual(
      both.map(({ completionTokens }) => completionTokens),
      [length, length],
    );
    assert.ok(batches() < 1.2 * length, `${batches()} batches`);
    await context.dispose();
    await model.dispose();
  });

/** No public part of the library counts them. */
function countBatches(context: LlamaContext): () => number {
  let batches = 0;
  const inner = context as unknown as { _ctx: object };
  inner._ctx = new Proxy(inner._ctx, {
    get(native, name) {
      if (name === "decodeBatch") batches++;
      const value: unknown = Reflect.get(native, name);
      return typeof value === "function"
        ? (value.bind(native) as unknown)
        : value;
    },
  });
  return () => batches;
}
