import assert from "node:assert/strict";
import { test } from "vitest";
import { GenerateRequest } from "../api/generate.ts";
import { GenerateParams, JsonSchema } from "./params.ts";

const problemsOf = (schema: Record<string, unknown>) =>
  JsonSchema.safeParse(schema).error?.issues ?? [];

const paths = (schema: Record<string, unknown>) =>
  problemsOf(schema).map(({ path }) => path.join("."));

const good = {
  $schema: "https://json-schema.org/draft/2020-12/schema",
  title: "Person",
  type: "object",
  properties: {
    name: { type: "string", minLength: 1, maxLength: 40, description: "full" },
    born: { type: "string", format: "date" },
    kind: { enum: ["a", "b", null, 1, true] },
    always: { const: "x" },
    either: { oneOf: [{ type: "null" }, { type: "integer" }] },
    list: { type: "array", items: { $ref: "#/$defs/one" }, maxItems: 3 },
    pair: {
      type: "array",
      prefixItems: [{ type: "number" }, { type: "boolean" }],
    },
    rest: {
      type: "object",
      additionalProperties: { type: "string" },
      minProperties: 1,
    },
  },
  required: ["name", "kind"],
  additionalProperties: false,
  $defs: { one: { type: "number" } },
};

test("a schema of keywords that are kept to is taken", () => {
  assert.deepEqual(problemsOf(good), []);
});

for (const [keyword, value] of Object.entries({
  pattern: "^a",
  minimum: 0,
  multipleOf: 2,
  allOf: [],
  not: {},
  if: {},
  uniqueItems: true,
  patternProperties: {},
  dependentRequired: {},
  unheardOf: 1,
}))
  test(`${keyword} is refused by its name, however deep it stands`, () => {
    assert.deepEqual(paths({ type: "string", [keyword]: value }), [keyword]);
    const deep = {
      type: "array",
      items: {
        type: "object",
        properties: { a: { type: "number", [keyword]: value } },
      },
    };
    assert.deepEqual(paths(deep), [`items.properties.a.${keyword}`]);
  });

for (const [what, schema, path] of [
  ["a keyword without a type", { minLength: 1 }, "minLength"],
  ["several types", { type: ["string", "null"] }, "type"],
  ["an unknown type", { type: "date" }, "type"],
  ["a reference to nothing", { $ref: "#/$defs/x" }, "$ref"],
  ["a reference elsewhere", { $ref: "http://example.com/x" }, "$ref"],
  ["an empty enum", { enum: [] }, "enum"],
  ["a list of objects", { enum: [{}] }, "enum"],
  ["an unknown format", { type: "string", format: "email" }, "format"],
  ["a length that is none", { type: "string", minLength: -1 }, "minLength"],
  ["a length without a text", { type: "number", minLength: 1 }, "minLength"],
  [
    "a required property that is none",
    { type: "object", properties: { b: {} }, required: ["a"] },
    "required",
  ],
  [
    "properties that are no object",
    { type: "object", properties: [] },
    "properties",
  ],
] as const)
  test(`${what} is refused`, () => {
    assert.deepEqual(paths(schema), [path]);
  });

test("a schema that is too long is refused", () => {
  const long = { type: "string", description: "x".repeat(70_000) };
  assert.match(problemsOf(long)[0]?.message ?? "", /longer than/);
});

test("a refusal names the place as a JSON pointer, and the keyword", () => {
  const schema = {
    type: "object",
    properties: { "a/b": { type: "array", items: { minimum: 1 } } },
  };
  const [problem] = problemsOf(schema);
  assert.match(
    problem?.message ?? "",
    /^#\/properties\/a~1b\/items\/minimum: /,
  );
});

test("all that is wrong is told at once, up to a hundred of it", () => {
  const wrong = { type: "string", pattern: "a", minLength: -1, format: "x" };
  assert.deepEqual(paths(wrong).sort(), ["format", "minLength", "pattern"]);
  const properties = Object.fromEntries(
    Array.from({ length: 500 }, (_, i) => [`p${i}`, { type: "x" }]),
  );
  assert.equal(paths({ type: "object", properties }).length, 100);
});

test("a schema that is refused in a request is read in an event of an earlier version", () => {
  const schema = { oneOf: [{ type: "null" }, { type: "null" }] };
  const format = { type: "json_schema", json_schema: { schema } };
  const body = { prompt: "a", response_format: format };
  const [issue] = GenerateRequest.safeParse(body).error?.issues ?? [];
  assert.equal(
    issue?.path.join("."),
    "response_format.json_schema.schema.oneOf.1",
  );
  const params = { max_tokens: 1, temperature: 0, top_p: 1 };
  const event = { ...params, response_format: format };
  assert.deepEqual(GenerateParams.parse(event), event);
});
