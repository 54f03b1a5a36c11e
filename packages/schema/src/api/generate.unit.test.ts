import assert from "node:assert/strict";
import { describe, test } from "node:test";
import { GenerateRequest } from "./generate.ts";

const fieldsOf = (body: unknown) => {
  const { error } = GenerateRequest.safeParse(body);
  return error?.issues.flatMap((issue) =>
    issue.code === "unrecognized_keys" ? issue.keys : issue.path,
  );
};

test("only the prompt is required", () => {
  assert.deepEqual(GenerateRequest.parse({ prompt: "Hello" }), {
    prompt: "Hello",
    max_tokens: 512,
    temperature: 0.7,
    top_p: 0.9,
    raw: false,
  });
});

const limits: Record<string, { taken: unknown[]; refused: unknown[] }> = {
  prompt: {
    taken: ["a", "\u0000", " ", "x".repeat(100_000)],
    refused: ["", 1, null, undefined, ["a"]],
  },
  max_tokens: {
    taken: [1, 32_768, undefined],
    refused: [0, 32_769, -1, 1.5, "1", null, NaN, Infinity],
  },
  temperature: {
    taken: [0, 2, 0.001, undefined],
    refused: [-0.001, 2.001, "1", null, NaN],
  },
  top_p: {
    taken: [Number.MIN_VALUE, 1, undefined],
    refused: [0, 1.001, -1, "1", null, NaN],
  },
  seed: {
    taken: [0, 0xffff_ffff, undefined],
    refused: [-1, 2 ** 32, 0.5, "1", null],
  },
  raw: { taken: [true, false, undefined], refused: ["true", 1, null] },
  user_id: {
    taken: ["a", "Zoë", "x".repeat(128), "🦊".repeat(128), "a b", undefined],
    refused: [
      "",
      "x".repeat(129),
      "🦊".repeat(129),
      "a\nb",
      "a\u007fb",
      "a\u2028b", // line separator
      "a\u202eb", // turns the direction of what follows
      "a\ud800", // half a character
      1,
      null,
    ],
  },
};

describe("limits", () => {
  for (const [field, { taken, refused }] of Object.entries(limits)) {
    test(`${field} at its limits is taken`, () => {
      for (const value of taken)
        assert.equal(fieldsOf({ prompt: "a", [field]: value }), undefined);
    });
    test(`${field} beyond them is refused`, () => {
      for (const value of refused)
        assert.deepEqual(
          new Set(fieldsOf({ prompt: "a", [field]: value })),
          new Set([field]),
        );
    });
  }

  test("every field has its row here", () => {
    const fields = Object.keys(GenerateRequest.shape).sort();
    assert.deepEqual(Object.keys(limits).sort(), fields);
  });
});

test("all offending fields are named at once, the unknown ones too", () => {
  const body = { prompt: "", max_tokens: 0, top_p: 2, stream: true, n: 2 };
  assert.deepEqual(fieldsOf(body)?.map(String).sort(), [
    "max_tokens",
    "n",
    "prompt",
    "stream",
    "top_p",
  ]);
});
