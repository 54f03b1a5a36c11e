import assert from "node:assert/strict";
import * as z from "zod";
import { describe, test } from "vitest";
import { GenerateRequest, ValidGenerateRequest } from "./generate.ts";

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
    refused: [0, 32_769, -1, 1.5, "1", NaN, Infinity],
  },
  temperature: {
    taken: [0, 2, 0.001, undefined],
    refused: [-0.001, 2.001, "1", NaN],
  },
  top_p: {
    taken: [Number.MIN_VALUE, 1, undefined],
    refused: [0, 1.001, -1, "1", NaN],
  },
  seed: {
    taken: [0, 0xffff_ffff, undefined],
    refused: [-1, 2 ** 32, 0.5, "1"],
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
    taken: [
      [{ role: "user", content: "a" }],
      [
        { role: "assistant", content: "" },
        { role: "user", content: [{ type: "text", text: "a" }] },
      ],
    ],
    refused: [
      [],
      "a",
      [{ role: "robot", content: "a" }],
      [{ role: "user", content: null }],
      [{ role: "user", content: ["a"] }],
      [{ role: "user", content: [{ type: "image_url", image_url: "a" }] }],
      [{ role: "user", content: [{ type: "text" }] }],
      [{ role: "user", content: "a", name: "b" }],
    ],
  },
  timeout_ms: { taken: [1, 8.64e9], refused: [0, -1, 1.5, 8.64e9 + 1] },
  start_timeout_ms: { taken: [1, 8.64e9], refused: [0, "1s", 8.64e9 + 1] },
  cancel_after_ms: { taken: [1, 8.64e9], refused: [0, 1.5, 8.64e9 + 1] },
  result_ttl_ms: {
    taken: [1_000, 8.64e9, undefined],
    refused: [999, 0, 1_000.5, "1s", 8.64e9 + 1],
  },
  no_retry: { taken: [true, false, undefined], refused: ["true", 1] },
  ignore_eos: { taken: [true, false], refused: ["true", 1] },
  n: { taken: [1, undefined], refused: [2, 0, "1"] },
  model: {
    taken: ["demo", "Qwen2.5-7B-Q4_K_M", "x".repeat(256), undefined],
    refused: ["", "x".repeat(257), 1],
  },
  raw: { taken: [true, false, undefined], refused: ["true", 1] },
  lane: {
    taken: ["interactive", "batch", undefined],
    refused: ["", "Batch", "fast", 1],
  },
  user_id: {
    taken: [
      ...["a", "Zoë", "x".repeat(128), "🦊".repeat(128), "a b", undefined],
      "می\u200cخواهم", // Persian, with a non-joiner inside a word
      "👩\u200d👩\u200d👧", // joined to a family
      "🏴\u{e0067}\u{e0062}\u{e0065}\u{e006e}\u{e0067}\u{e007f}", // a flag made of tags
      "❤\ufe0f 1\ufe0f\u20e3", // variation selectors, a keycap
      "\u{1fc00}", // not assigned yet, in a block of emoji
      "Donau\u00addampf", // a soft hyphen
      "שלום\u200f!", // a mark of direction
      "\u0600\u0661", // an Arabic sign before a number
    ],
    refused: [
      "",
      "x".repeat(129),
      "🦊".repeat(129),
      "a\nb",
      "a\u007fb",
      "a\u2028b", // line separator
      "a\u2029b", // paragraph separator
      "a\u0085b", // next line
      "a\u001bb", // escape sequences of a terminal
      "a\u009bb",
      "a\u2066b",
      "a\ufeffb",
      "a\ufff9b",
      "a\uffffb",
      "a\u{1fffe}b",
      "a\ue000b",
      "a\u202eb", // turns the direction of what follows
      "a\ud800", // half a character
      1,
    ],
  },
  metadata: {
    taken: [
      {},
      { order: "A-17", "Küche 🦊": "" },
      Object.fromEntries(pairs(16)),
      { ["k".repeat(64)]: "🦊".repeat(512) },
      undefined,
    ],
    refused: [
      Object.fromEntries(pairs(17)),
      { "": "a" },
      { ["k".repeat(65)]: "a" },
      { a: "x".repeat(513) },
      { a: "a\nb" },
      { "a\nb": "a" },
      { a: "a\ud800" },
      { a: 1 },
      { a: null },
      Object.fromEntries(pairs(16, "€".repeat(512))),
      ["a"],
      "a",
    ],
  },
  not_before: {
    taken: [1, 4e9, "2026-12-01T02:00:00+01:00", undefined],
    refused: ["tomorrow", -1, true],
  },
  group: {
    taken: ["a", "a-z_09", "g".repeat(64), undefined],
    refused: ["", "A", "a.b", "a b", "*", "ä", "g".repeat(65), 1],
  },
  group_concurrency: {
    taken: [1, 1_000, undefined],
    refused: [0, 1_001, 1.5, "1"],
  },
  group_policy: {
    taken: ["queue", "latest", "cancel_in_progress", undefined],
    refused: ["newest", ""],
  },
  webhook: {
    taken: [
      { url: "https://a.example" },
      { url: "http://127.0.0.1:8080/hook?token=a%40b@c", events: null },
      { url: `https://a.example/${"p".repeat(2_030)}` },
      { url: "https://[2001:db8::1]/", events: ["failed", "cancelled"] },
      undefined,
    ],
    refused: [
      "https://a.example",
      {},
      { url: "" },
      { url: "a.example/hook" },
      { url: "ftp://a.example" },
      { url: "https:a.example\\@b.example" },
      { url: "https://user:secret@a.example/" },
      { url: "https://user@a.example/" },
      { url: "https:user@a.example/" },
      { url: "https:///user@a.example/" },
      { url: "https://a.example/a b" },
      { url: "https://a.example/\r\nx: y" },
      { url: "https://\u00fc.example/" },
      { url: `https://a.example/${"p".repeat(2_031)}` },
      { url: "https://a.example", events: [] },
      { url: "https://a.example", events: ["failed", "failed"] },
      { url: "https://a.example", events: ["started"] },
      { url: "https://a.example", secret: "s" },
    ],
  },
};

/** The longest that are taken together, unless the values have more bytes. */
function pairs(count: number, value = "v".repeat(512)): [string, string][] {
  return Array.from({ length: count }, (_, i) => [
    `${i}`.padEnd(64, "k"),
    value,
  ]);
}

const bodyOf = (field: string, value: unknown) => ({
  ...(field !== "messages" && { prompt: "a" }),
  ...(field.startsWith("group_") && { group: "a" }),
  [field]: value,
});

test("what is said of a group needs one", () => {
  for (const said of [{ group_concurrency: 2 }, { group_policy: "latest" }])
    assert.deepEqual(fieldsOf({ prompt: "a", ...said }), Object.keys(said));
  const scheduled = { prompt: "a", group: "g", not_before: 4e9 };
  assert.deepEqual(fieldsOf(scheduled), ["not_before"]);
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

  test("compiled code and the schema take the same and make the same of it", () => {
    const compiled = z.compile(ValidGenerateRequest, { strict: true });
    for (const [field, { taken, refused }] of Object.entries(limits)) {
      for (const value of taken) {
        const body = { ...bodyOf(field, value), model: null };
        assert.deepEqual(compiled.parse(body), GenerateRequest.parse(body));
      }
      for (const value of refused)
        assert.ok(!compiled.safeParse(bodyOf(field, value)).success);
    }
    for (const body of [{}, { prompt: "a", messages: [] }])
      assert.ok(!compiled.safeParse(body).success);
  });

  test("every field has its row here", () => {
    const fields = Object.keys(GenerateRequest.out.shape).sort();
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

test("null counts as absent, for every field that may be", () => {
  const plain = GenerateRequest.parse({ prompt: "a" });
  const names = Object.keys(GenerateRequest.out.shape);
  for (const field of names.filter((name) => name !== "prompt"))
    assert.deepEqual(
      GenerateRequest.parse({ prompt: "a", [field]: null }),
      plain,
    );
  const all = Object.fromEntries(names.map((name) => [name, null]));
  assert.deepEqual(GenerateRequest.parse({ ...all, prompt: "a" }), plain);
  assert.deepEqual(fieldsOf(all), ["prompt"]);
  assert.deepEqual(fieldsOf({ prompt: "a", colour: null }), ["colour"]);
});

test("null counts as absent within response_format too, and not within a schema", () => {
  const schema = { type: "object", properties: { a: { const: null } } };
  const nulls = { name: null, description: null, strict: null };
  const taken = GenerateRequest.parse({
    prompt: "a",
    response_format: { type: "json_schema", json_schema: { ...nulls, schema } },
  });
  assert.deepEqual(taken.response_format, {
    ...{ type: "json_schema", json_schema: { schema } },
  });
  for (const type of ["text", "json_object"] as const) {
    const format = { type, json_schema: null };
    const body = { prompt: "a", response_format: format };
    assert.deepEqual(GenerateRequest.parse(body).response_format, { type });
  }
});

test("the text parts of a message are one text", () => {
  const parts = ["one ", "", "two"].map((text) => ({ type: "text", text }));
  const messages = [{ role: "user", content: parts }];
  assert.deepEqual(GenerateRequest.parse({ messages }).messages, [
    { role: "user", content: "one two" },
  ]);
});
