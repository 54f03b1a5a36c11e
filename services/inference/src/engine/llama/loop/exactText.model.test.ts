/**
 * Sixteen texts at once, each held against a slow reference: the tokens that node-llama-cpp's loop writes alone, and the
 * text of all tokens so far read anew with each of them.
 */
import type { GenerateParams } from "@jetscribe/schema";
import fc from "fast-check";
import type { LlamaModel, Token } from "node-llama-cpp";
import assert from "node:assert/strict";
import { afterAll, beforeAll, describe, test } from "vitest";
import {
  ask,
  demoModel,
  openEngine,
  type TestEngine,
} from "../../../../test/engineTestKit.ts";
import { makeBiasOf, type BiasOf } from "../bias.ts";
import { makeLibrarySequences } from "../libraryLoop.ts";
import { load } from "../load.ts";
import { makePromptReader } from "../prompt.ts";
import { grammarFor, samplingOf } from "../sampling.ts";
import type { Sequence } from "../sequence.ts";

const slots = 16;
const contextSize = 512;
const nothing = () => undefined;

interface Request {
  prompt: string;
  params: GenerateParams & { seed: number };
  /** Where in the whole text its stop texts are, as shares of it, and how long they are. */
  stops: { at: number; length: number }[];
}

/** What of the text there is when the last of these tokens has come, and whether it ends there. */
interface Expected {
  text: string;
  completionTokens: number;
  finishReason: string;
}

const prompts = fc.constantFrom(
  ...["Once upon a time", "The river", "1 2 3 4", "Explain gravity: "],
);
const sampled = fc.record({
  seed: fc.integer({ min: 0, max: 2 ** 32 - 1 }),
  temperature: fc.constantFrom(0, 0.7, 1.3),
  max_tokens: fc.integer({ min: 1, max: 60 }),
  top_p: fc.constant(1),
});
/** Characters of one to four bytes, which the demo model has no tokens for. */
const foreign = fc.string({
  unit: fc.constantFrom(..."aé日本😀𝄞ß ~Ωж"),
  minLength: 3,
  maxLength: 12,
});
/** The text once, or again and again. */
const form = fc.option(
  fc.tuple(foreign, fc.boolean()).map(([value, again]) => ({
    type: "json_schema" as const,
    json_schema: {
      schema: again
        ? { type: "array", items: { const: value }, minItems: 4, maxItems: 9 }
        : { const: value },
    },
  })),
  { nil: undefined },
);
const stops = fc.array(
  fc.record({
    at: fc.double({ min: 0, max: 0.999, noNaN: true }),
    length: fc.integer({ min: 1, max: 9 }),
  }),
  { maxLength: 3 },
);
const requests = fc.array(
  fc
    .tuple(prompts, sampled, form, stops)
    .map(([prompt, params, response_format, stops]): Request => ({
      ...{ prompt, stops },
      params: { ...params, ...(response_format && { response_format }) },
    })),
  { minLength: slots, maxLength: slots },
);

describe.each(["off", "on"] as const)("speculation %s", (speculation) => {
  let engine: TestEngine;
  let reference: Awaited<ReturnType<typeof openReference>>;
  beforeAll(async () => {
    engine = await openEngine({
      ...{ engine: "llama", slots, contextSize, threads: 1, speculation },
    });
    reference = await openReference();
    await engine.whenReady();
  });
  afterAll(async () => {
    await engine[Symbol.asyncDispose]();
    await reference.close();
  });

  /** Speculation drafts for four answers at most. */
  const numbers = { off: [16], on: [4, 1] }[speculation];

  test.each(numbers)(
    "%i texts at once have every character and every token once, wherever a stop text ends them",
    async (atOnce) => {
      let stopped = 0;
      let foreign = 0;
      let accepted = 0;
      await fc.assert(
        fc.asyncProperty(requests, async (requests) => {
          const wanted: {
            request: Request;
            stop: string[];
            expected: Expected;
          }[] = [];
          for (const request of requests) {
            const whole = await reference.write(request);
            const stop = stopsIn(whole.texts.at(-1) ?? "", request);
            wanted.push({ request, stop, expected: expectedOf(whole, stop) });
          }
          async function check({
            request,
            stop,
            expected,
          }: (typeof wanted)[number]) {
            const counts: number[] = [];
            const { prompt, params } = request;
            const { pieces, ...result } = await ask(engine, {
              ...{ prompt, raw: true, params: { ...params, stop } },
              onText: (_, { completionTokens }) =>
                counts.push(completionTokens),
            });
            const { text, completionTokens, finishReason } = result;
            accepted += result.acceptedTokens ?? 0;
            assert.deepEqual(
              { text, completionTokens, finishReason },
              expected,
            );
            assert.equal(pieces.join(""), text);
            assert.ok(pieces.every((piece) => piece.isWellFormed()));
            assert.deepEqual(
              counts,
              counts.toSorted((a, b) => a - b),
            );
            if (finishReason === "stop" && stop.length > 0) stopped += 1;
            if (/[^\0-\x7f]/.test(text)) foreign += 1;
          }
          for (let i = 0; i < wanted.length; i += atOnce)
            await Promise.all(wanted.slice(i, i + atOnce).map(check));
        }),
        { numRuns: speculation === "off" ? 12 : 6 },
      );
      assert.equal(accepted > 0, speculation === "on");
      assert.ok(stopped > 10 && foreign > 10, `${stopped}, ${foreign}`);
    },
  );
});

/** Stop texts that are in this text, in whole characters. */
const stopsIn = (text: string, { stops }: Request): string[] => {
  const characters = [...text];
  return stops
    .map(({ at, length }) => {
      const from = Math.floor(at * characters.length);
      return characters.slice(from, from + length).join("");
    })
    .filter((stop) => stop !== "");
};

/** By reading all of the text again after each token. */
function expectedOf(
  { texts, ended }: { texts: string[]; ended: boolean },
  stops: string[],
): Expected {
  for (const [i, text] of texts.entries()) {
    const hits = stops
      .map((stop) => text.indexOf(stop))
      .filter((at) => at >= 0);
    if (hits.length > 0)
      return {
        text: text.slice(0, Math.min(...hits)),
        completionTokens: i + 1,
        finishReason: "stop",
      };
  }
  return {
    text: texts.at(-1) ?? "",
    completionTokens: texts.length,
    finishReason: ended ? "stop" : "length",
  };
}

async function openReference() {
  const { model, context } = await load(
    demoModel,
    {
      ...{ engine: "llama", model: demoModel, gpu: "off", threads: 1 },
      ...{ modelsDir: "", dataDir: "", slots: 1, contextSize },
      ...{ fakeMs: 0, fakeTokens: 0 },
    },
    { onProgress: nothing, onWarning: nothing, onThreads: nothing },
  );
  const sequence = makeLibrarySequences(context)[0]!;
  const read = makePromptReader(model);
  const biasOf = makeBiasOf(model);
  return {
    async write({ prompt, params }: Request) {
      const { signal } = new AbortController();
      const asked = { prompt, raw: true, params };
      const { tokens } = await read(asked, contextSize, signal);
      const written = await writeAlone(
        { model, sequence, biasOf },
        tokens,
        params,
      );
      const before = tokens.slice(-4);
      const texts = written.tokens.map((_, i) =>
        model
          .detokenize(written.tokens.slice(0, i + 1), false, before)
          .replace(/\uFFFD+$/, ""),
      );
      return { texts, ended: written.ended };
    },
    async close() {
      await context.dispose();
      await model.dispose();
    },
  };
}

async function writeAlone(
  {
    model,
    sequence,
    biasOf,
  }: { model: LlamaModel; sequence: Sequence; biasOf: BiasOf },
  prompt: Token[],
  params: Request["params"],
): Promise<{ tokens: Token[]; ended: boolean }> {
  const tokens: Token[] = [];
  let ended = false;
  const grammar = await grammarFor(model.llama, params);
  const { seed } = params;
  await sequence.write({
    ...{ tokens: prompt, goesOn: false, most: params.max_tokens },
    owner: undefined,
    signal: new AbortController().signal,
    sampling: samplingOf(params, { seed, grammar, biasOf, written: tokens }),
    onToken(token) {
      ended = model.isEogToken(token);
      if (!ended) tokens.push(token);
      return !ended && tokens.length < params.max_tokens;
    },
  });
  return { tokens, ended };
}
