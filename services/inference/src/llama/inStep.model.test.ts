/** Generations that begin at different times share their batches. */
import assert from "node:assert/strict";
import { test } from "vitest";
import { demoModel } from "../engineTestKit.ts";
import { makeBiasOf } from "./bias.ts";
import { generate } from "./generate.ts";
import { makeSteps } from "./inStep.ts";
import { load } from "./load.ts";
import { makePause } from "./pause.ts";
import { makePromptReader } from "./prompt.ts";

const length = 100;

test("two that began at different times need hardly more batches than one", async () => {
  const { model, context } = await load(
    demoModel,
    {
      ...{ engine: "llama", model: demoModel, gpu: "off", threads: 1 },
      ...{ modelsDir: "", dataDir: "", slots: 2, contextSize: 512 },
      ...{ fakeMs: 0, fakeTokens: 0 },
    },
    { onProgress: () => undefined, onWarning: () => undefined },
  );
  let batches = 0;
  // No public part of the library counts them.
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
  const biasOf = makeBiasOf(model);
  const shared = { model, biasOf, pause: makePause(), steps: makeSteps() };
  const request = {
    prompt: "Tell me a story.",
    params: { max_tokens: length, temperature: 0, top_p: 1, ignore_eos: true },
  };
  const { signal } = new AbortController();
  const read = makePromptReader(model);
  const prompt = await read(request, context.contextSize, signal);
  const begun = Promise.withResolvers<void>();
  const run = (number: number, onText: () => void) =>
    generate(
      { ...shared, number, sequence: context.getSequence() },
      prompt,
      request,
      { signal, onText },
    );
  const first = run(0, () => begun.resolve());
  await begun.promise;
  const second = run(1, () => undefined);
  const both = await Promise.all([first, second]);
  assert.deepEqual(
    both.map(({ completionTokens }) => completionTokens),
    [length, length],
  );
  assert.ok(batches < 1.2 * length, `${batches} batches`);
  await context.dispose();
  await model.dispose();
});
