import assert from "node:assert/strict";
import fc from "fast-check";
import { describe, test } from "vitest";
import { OddAnswer, readChunk } from "./readChunk.ts";

const nothing = { text: "", reasoning: "", finish: undefined };
const read = (chunk: unknown) => {
  const { usage, ...said } = readChunk("message", JSON.stringify(chunk));
  return { ...said, ...(usage && { usage }) };
};
const ofDelta = (delta: unknown) => read({ choices: [{ delta }] });

describe("a chunk of an upstream", () => {
  test("says nothing where it has no choice, no delta or null for them", () => {
    for (const chunk of [
      {},
      { choices: null },
      { choices: [] },
      { choices: {} },
      null,
      7,
      { choices: [null] },
      { choices: [{}] },
      [],
      "text",
      false,
      { choices: [{ index: 0, content_filter_offsets: {} }] },
      { choices: [{ delta: null, finish_reason: null }] },
      { choices: [{ delta: "no object" }], usage: null, error: null },
    ])
      assert.deepEqual(read(chunk), nothing);
  });

  test("has the texts of a list of parts as one text", () => {
    const text = (text: string) => ({ type: "text", text });
    assert.equal(ofDelta({ content: [text("a"), text("b")] }).text, "ab");
    assert.equal(ofDelta({ content: ["a", text("b"), 7, null] }).text, "ab");
    assert.equal(ofDelta({ content: text("a") }).text, "a");
    assert.equal(read({ choices: [{ text: [text("a")] }] }).text, "a");
    assert.equal(ofDelta({ content: { image: 1 } }).text, "");
  });

  test("tells reasoning apart from the text, by each name it has", () => {
    const of = (reasoning: string, text = "") => ({
      ...nothing,
      reasoning,
      text,
    });
    assert.deepEqual(ofDelta({ reasoning_content: "so" }), of("so"));
    assert.deepEqual(ofDelta({ reasoning: "so", content: "a" }), of("so", "a"));
    const thinking = [{ type: "text", text: "so" }];
    const content = [{ thinking }, { type: "text", text: "a" }];
    assert.deepEqual(ofDelta({ content }), of("so", "a"));
    const both = { reasoning_content: "so", reasoning: "so" };
    assert.deepEqual(ofDelta(both), of("so"));
  });

  test("has a reason to end wherever the upstream gives one, of any type", () => {
    const finishOf = (finish_reason: unknown) =>
      read({ choices: [{ finish_reason }] }).finish;
    for (const reason of ["stop", "eos", "end_turn", ""])
      assert.equal(finishOf(reason), reason);
    assert.equal(finishOf({ type: "eos" }), "");
    assert.equal(finishOf(null), undefined);
  });

  test("has its numbers of tokens only where they are numbers of tokens", () => {
    const usageOf = (usage: unknown) => read({ usage }).usage;
    const good = { prompt_tokens: 5, completion_tokens: 3 };
    const usage = { prompt: 5, completion: 3, cached: 0 };
    assert.deepEqual(usageOf(good), usage);
    for (const prompt_tokens_details of [null, {}, { cached_tokens: -1 }, 7])
      assert.deepEqual(usageOf({ ...good, prompt_tokens_details }), usage);
    const details = { prompt_tokens_details: { cached_tokens: 2 } };
    assert.equal(usageOf({ ...good, ...details })?.cached, 2);
    for (const prompt_tokens of [-1, 0.5, "5", null, 1e300, 2 ** 40])
      assert.equal(usageOf({ ...good, prompt_tokens }), undefined);
  });

  test("is an error by the upstream's own words", () => {
    const error = { message: "no memory", code: 500 };
    const throws = (type: string, chunk: unknown, message: RegExp) =>
      assert.throws(
        () => readChunk(type, JSON.stringify(chunk)),
        (thrown) => thrown instanceof OddAnswer && message.test(thrown.message),
      );
    throws("message", { error }, /^no memory$/);
    throws("message", { error: "no memory" }, /^no memory$/);
    throws("message", { error: { code: 7 } }, /^\{"code":7\}$/);
    throws("error", error, /^no memory$/);
    throws("error", { error }, /^no memory$/);
  });

  test("is an odd answer, and nothing worse, whatever it is", () => {
    const field = fc.constantFrom(
      "choices",
      "delta",
      "content",
      "text",
      "finish_reason",
      "usage",
      "reasoning",
      "thinking",
      "error",
      "prompt_tokens",
      "__proto__",
    );
    const { json } = fc.letrec<{ json: unknown }>((tie) => ({
      json: fc.oneof(
        { maxDepth: 6, depthSize: "large" },
        fc.oneof(fc.string({ unit: "binary" }), fc.double(), fc.boolean()),
        fc.constant(null),
        fc.array(tie("json"), { maxLength: 3 }),
        fc.dictionary(field, tie("json"), { maxKeys: 4 }),
      ),
    }));
    const data = fc.oneof(
      json.map((value) => JSON.stringify(value)),
      fc.string({ unit: "binary" }),
    );
    fc.assert(
      fc.property(fc.constantFrom("message", "error"), data, (type, data) => {
        try {
          const { text, reasoning, finish } = readChunk(type, data);
          assert.equal(typeof (text + reasoning + (finish ?? "")), "string");
        } catch (error) {
          assert.ok(error instanceof OddAnswer, String(error));
        }
      }),
      { numRuns: 500 },
    );
  });
});
