import assert from "node:assert/strict";
import { describe, test } from "node:test";
import { GenerateRequest } from "./generate.ts";

const fieldsOf = (body: unknown) => {
  const { error } = GenerateRequest.safeParse(body);
  return error?.issues.flatMap((issue) =>
    issue.code === "unrecognized_keys" && issue.path.length === 0
      ? issue.keys
      : issue.path.slice(0, 1),
  );
};

test("only the prompt is required", () => {
  assert.deepEqual(GenerateRequest.parse({ prompt: "Hello" }), {
    prompt: "Hello",
    max_tokens: 512,
    temperature: 0.7,
    top_p: 0.9,
    top_k: 0,
    min_p: 0,
    repeat_penalty: 1,
    presence_penalty: 0,
    frequency_penalty: 0,
    raw: false,
    lane: "interactive",
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
  top_k: { taken: [0, 1_000], refused: [-1, 1_001, 0.5, "1"] },
  min_p: { taken: [0, 1], refused: [-0.1, 1.1] },
  repeat_penalty: { taken: [0.5, 2], refused: [0, 2.1, -1] },
  presence_penalty: { taken: [-2, 2], refused: [-2.1, 2.1] },
  frequency_penalty: { taken: [-2, 2], refused: [-2.1, 2.1] },
  stop: {
    taken: ["a", ["a", "b"], "x".repeat(256), []],
    refused: ["", "x".repeat(257), [1], Array(17).fill("x")],
  },
  logit_bias: {
    taken: [{ "5": -100, "17": 100 }, {}],
    refused: [{ word: 1 }, { "5": 101 }, { "-1": 0 }, [1]],
  },
  response_format: {
    taken: [{ type: "text" }, { type: "json_object" }],
    refused: [{ type: "xml" }, { type: "json_schema" }, "json", {}],
  },
  messages: {
    taken: [[{ role: "user", content: "a" }]],
    refused: [
      [],
      "a",
      [{ role: "robot", content: "a" }],
      [{ role: "user", content: "" }],
      [{ role: "user", content: "a", name: "b" }],
    ],
  },
  timeout_ms: { taken: [1, 8.64e9], refused: [0, -1, 1.5, 8.64e9 + 1] },
  start_timeout_ms: { taken: [1, 8.64e9], refused: [0, "1s", 8.64e9 + 1] },
  ignore_eos: { taken: [true, false], refused: ["true", 1] },
  n: { taken: [1, undefined], refused: [2, 0, "1"] },
  model: {
    taken: ["demo", "Qwen2.5-7B-Q4_K_M", "x".repeat(256), undefined],
    refused: ["", "x".repeat(257), 1, null],
  },
  raw: { taken: [true, false, undefined], refused: ["true", 1, null] },
  lane: {
    taken: ["interactive", "batch", undefined],
    refused: ["", "Batch", "fast", 1, null],
  },
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

const bodyOf = (field: string, value: unknown) => ({
  ...(field !== "messages" && { prompt: "a" }),
  [field]: value,
});

describe("limits", () => {
  for (const [field, { taken, refused }] of Object.entries(limits)) {
    test(`${field} at its limits is taken`, () => {
      for (const value of taken)
        assert.equal(fieldsOf(bodyOf(field, value)), undefined);
    });
    test(`${field} beyond them is refused`, () => {
      for (const value of refused)
        assert.deepEqual(
          new Set(fieldsOf(bodyOf(field, value))),
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

test("a request has a prompt or messages, and one of them only", () => {
  const messages = [{ role: "user", content: "a" }];
  assert.deepEqual(fieldsOf({}), ["prompt"]);
  assert.deepEqual(fieldsOf({ prompt: "a", messages }), ["prompt"]);
  assert.deepEqual(fieldsOf({ messages, raw: true }), ["raw"]);
});
