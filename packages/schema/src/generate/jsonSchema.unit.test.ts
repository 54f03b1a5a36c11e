import assert from "node:assert/strict";
import { test } from "node:test";
import { problemsOfSchema } from "./jsonSchema.ts";

const paths = (schema: unknown) =>
  problemsOfSchema(schema).map(({ path }) => path.join("."));

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
  assert.deepEqual(problemsOfSchema(good), []);
});

for (const [keyword, value] of Object.entries({
  pattern: "^a",
  minimum: 0,
  multipleOf: 2,
  allOf: [],
  anyOf: [{ type: "string" }],
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
  ["no schema", "string", ""],
  ["nothing to hold to", {}, ""],
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
    { type: "object", required: ["a"] },
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

test("a schema that is too deep or too long is refused, and no crash", () => {
  let deep: object = { type: "string" };
  for (let i = 0; i < 1_000; i++) deep = { type: "array", items: deep };
  assert.equal(problemsOfSchema(deep)[0]?.message, "nested too deep");
  const long = { type: "string", description: "x".repeat(70_000) };
  assert.match(problemsOfSchema(long)[0]?.message ?? "", /at most/);
});
