/** The grammars of schemas in llama.cpp itself, and in the text of the real model. */
import { Validator } from "@cfworker/json-schema";
import { grammarOf, objectGrammar } from "@jetscribe/schema";
import {
  anySchema,
  makeAnswers,
  randomFrom,
} from "@jetscribe/schema/test/schemaTestKit";
import { makeMatcher } from "@jetscribe/schema/test/grammarTestKit";
import fc from "fast-check";
import { getLlama, LlamaGrammar } from "node-llama-cpp";
import assert from "node:assert/strict";
import { afterAll, beforeAll, describe, test } from "vitest";
import { EngineError } from "../engine.ts";
import {
  ask,
  openEngine,
  type TestEngine,
} from "../../../test/engineTestKit.ts";

type Schema = Record<string, unknown>;

/** The demo model's tokens that end a text. */
const ends = ["1", "3"];
const prompt = "Give me JSON about the Moon.";

/** Schemas that a grammar can be made of, the same for the same seed. */
const taken = (count: number, seed?: number) =>
  fc.sample(
    anySchema.filter((schema) => grammarOf(schema).grammar !== undefined),
    { numRuns: count, ...(seed !== undefined && { seed }) },
  );

test("llama.cpp reads a grammar as the tests of schemas do", async () => {
  const llama = await getLlama({ gpu: false, build: "never" });
  try {
    const schemas = taken(60);
    const grammars = schemas.map((schema) => grammarOf(schema).grammar?.gbnf);
    for (const [i, gbnf = ""] of [...grammars, objectGrammar()].entries()) {
      const { matches, sample } = makeMatcher(gbnf);
      const grammar = new LlamaGrammar(llama, { grammar: gbnf });
      const random = randomFrom(i);
      const answers = makeAnswers(schemas[(i + 1) % 60] ?? {}, random);
      for (let n = 0; n < 5; n++) {
        const text = sample(random, 20 * n);
        for (const one of [text, text.slice(0, -1), `${text} `, answers()])
          assert.equal(testText(grammar, one ?? ""), matches(one ?? ""), one);
      }
    }
  } finally {
    await llama.dispose();
  }
});

/** The library's own test of a whole text; it is not in its types. */
const testText = (grammar: LlamaGrammar, text: string): boolean =>
  (grammar as unknown as { _testText: (text: string) => boolean })._testText(
    text,
  );

describe("an answer that is held to a form", () => {
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

  const askFor = (schema: Schema, params: object = {}) =>
    ask(engine, {
      prompt,
      params: {
        ...{ temperature: 2, max_tokens: 400, seed: 1 },
        response_format: { type: "json_schema", json_schema: { schema } },
        ...params,
      },
    });

  async function assertHeld(schema: Schema, params: object = {}) {
    const { text, finishReason } = await askFor(schema, params);
    if (finishReason === "length") return undefined;
    // llama.cpp's grammars take a character's overlong UTF-8 for the character, which no text has.
    if (!text.isWellFormed() || text.includes("\uFFFD")) return undefined;
    const value: unknown = JSON.parse(text);
    const { valid } = new Validator(schema, "2020-12").validate(value);
    assert.ok(valid, `${text} of ${JSON.stringify(schema)}`);
    return value;
  }

  test("is valid whenever it ends by itself, whatever the schema", async () => {
    const answers = await Promise.all(
      taken(40).map((schema, seed) => assertHeld(schema, { seed })),
    );
    const ended = answers.filter((one) => one !== undefined);
    assert.ok(ended.length >= 10, `${ended.length} ended`);
  });

  test("is a number that a reader can hold, at any temperature", async () => {
    const seeds = Array.from({ length: 12 }, (_, seed) => seed);
    for (const type of ["integer", "number"]) {
      const answers = seeds.map((seed) => assertHeld({ type }, { seed }));
      for (const value of await Promise.all(answers))
        assert.ok(Number.isFinite(value), String(value));
    }
  });

  test("has control characters and half characters as the schema has them", async () => {
    for (const value of ["x\u0001y", "x\u0000y", "\b\f", "\ud800"])
      assert.equal(await assertHeld({ const: value }), value);
  });

  test("has no token that has no text, even one that is asked for", async () => {
    const schema = { type: "string", minLength: 5, maxLength: 12 };
    // The demo model's first tokens are its special ones.
    const ids = Array.from({ length: 8 }, (_, id) => [String(id), 100]);
    const logit_bias = Object.fromEntries(ids) as Record<string, number>;
    for (const seed of [1, 2, 3])
      assert.ok(await assertHeld(schema, { seed, logit_bias }));
  });

  test("goes before logit_bias: it is whole, and ends where it is", async () => {
    for (const bias of [-100, 100]) {
      const logit_bias = Object.fromEntries(ends.map((id) => [id, bias]));
      const schema = { enum: ["one", "two"] };
      const value = await assertHeld(schema, { logit_bias });
      assert.ok(value === "one" || value === "two");
    }
  });

  test("is cut by a stop text, and ends with stop", async () => {
    const schema = { const: "from here to there" };
    for (const [stop, response_format] of [
      ["}", { type: "json_object" }],
      ["to", { type: "json_schema", json_schema: { schema } }],
    ] as const) {
      const params = { response_format, stop: [stop], max_tokens: 400 };
      const { text, finishReason } = await ask(engine, { prompt, params });
      assert.equal(finishReason, "stop");
      assert.ok(!text.includes(stop));
      assert.throws(() => JSON.parse(text) as unknown);
    }
  });

  test("of an earlier version's schema is refused with the reason", async () => {
    await assert.rejects(
      askFor({ type: "string", minLength: 5, maxLength: 3 }),
      (error) =>
        error instanceof EngineError &&
        error.type === "ValidationError" &&
        error.message.includes("#/minLength"),
    );
  });
});
