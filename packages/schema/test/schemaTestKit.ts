/** Random schemas of the language that an answer can be held to, and random answers that fit one. */
import fc from "fast-check";
import { isObject, type Schema } from "../src/grammar/keywords.ts";

const names = [
  "a",
  "ab",
  "b",
  "",
  "constructor",
  "toString",
  "é\n",
  '"q\\',
  "_",
  "__proto",
];
const texts = [
  "a",
  "ab",
  "",
  "x\u0001y",
  "\u0000",
  "\b\f",
  "\ud800",
  "日本",
  "日光",
  '"',
  "😀",
  "true",
  "1",
];
const numbers = [0, 1, -1, 12, 1.5, -0.25, 1e21, 2 ** 53, 1e-7];
const formats = ["date", "time", "date-time"];
const count = fc.nat(3);

const scalar = fc.oneof(
  fc.constantFrom<unknown>(...texts, ...numbers, null, true, false),
  fc.string({ unit: "grapheme", maxLength: 3 }),
  fc.double({ noNaN: true, noDefaultInfinity: true }),
);

/** From least to most, either of which may be absent. */
const range = (of: string) =>
  fc
    .record({ min: count, more: count }, { requiredKeys: [] })
    .map(({ min, more }) => ({
      ...(min !== undefined && { [`min${of}`]: min }),
      ...(more !== undefined && { [`max${of}`]: (min ?? 0) + more }),
    }));

const { schema } = fc.letrec<{ schema: Schema; leaf: Schema; inner: Schema }>(
  (tie) => ({
    leaf: fc.oneof(
      fc
        .constantFrom("null", "boolean", "integer", "number")
        .map((type) => ({ type })),
      range("Length").map((lengths) => ({ type: "string", ...lengths })),
      fc.constantFrom(...formats).map((format) => ({ type: "string", format })),
      fc
        .array(scalar, { minLength: 1, maxLength: 5 })
        .map((values) => ({ enum: values })),
      scalar.map((value) => ({ const: value, title: "one" })),
      fc
        .constantFrom("#/$defs/x", "#/$defs/y~1z", "#")
        .map(($ref) => ({ $ref })),
    ),
    inner: fc.oneof(
      fc
        .record({
          items: fc.oneof(fc.boolean(), tie("schema")),
          range: range("Items"),
        })
        .map(({ items, range }) => ({ type: "array", items, ...range })),
      fc
        .record({
          prefixItems: fc.array(tie("schema"), { minLength: 1, maxLength: 3 }),
          items: fc.oneof(fc.constant(false), tie("schema")),
          range: range("Items"),
        })
        .map(({ range, ...rest }) => ({ type: "array", ...rest, ...range })),
      fc
        .record({
          properties: fc.dictionary(fc.constantFrom(...names), tie("schema"), {
            maxKeys: 4,
            noNullPrototype: true,
          }),
          required: fc.infiniteStream(fc.boolean()),
          others: fc.option(fc.oneof(fc.boolean(), tie("schema")), {
            nil: undefined,
          }),
          range: range("Properties"),
        })
        .map(({ properties, required, others, range }) => ({
          type: "object",
          properties,
          required: Object.keys(properties).filter(() => required.next().value),
          ...(others !== undefined && { additionalProperties: others }),
          ...range,
        })),
      fc
        .record({
          keyword: fc.constantFrom("anyOf", "oneOf"),
          branches: fc.array(tie("schema"), { minLength: 1, maxLength: 3 }),
        })
        .map(({ keyword, branches }) => ({
          [keyword]: branches,
          default: null,
        })),
      fc
        .array(
          fc.dictionary(fc.constantFrom(...names), tie("schema"), {
            maxKeys: 2,
            noNullPrototype: true,
          }),
          { minLength: 2, maxLength: 3 },
        )
        .map((branches) => ({
          oneOf: branches.map((properties, i) => ({
            type: "object",
            properties: { kind: { const: i }, ...properties },
            required: ["kind"],
          })),
        })),
    ),
    schema: fc.oneof(
      { maxDepth: 3, withCrossShrink: true },
      tie("leaf"),
      tie("inner"),
    ),
  }),
);

/** A schema with two definitions. */
export const anySchema: fc.Arbitrary<Schema> = fc
  .record({ root: schema, x: schema, y: schema })
  .map(({ root, x, y }) => ({ ...root, $defs: { x, "y/z": y } }));

/** Numbers from 0 to below 1, the same for the same seed. */
export function randomFrom(seed: number): () => number {
  let state = seed >>> 0;
  return () =>
    (state = (Math.imul(state, 1_664_525) + 1_013_904_223) >>> 0) / 2 ** 32;
}

/**
 * An answer, as JSON without spaces, written as answers are: properties in order, whole tuples, nothing that the schema
 * doesn't name. It may break a rule of counts or of oneOf; undefined where it would be too deep.
 */
export function makeAnswers(root: Schema, random: () => number) {
  const upTo = (most: number) => Math.floor(random() * (most + 1));
  const pick = <T>(all: readonly T[]): T | undefined =>
    all[upTo(all.length - 1)];
  const some = (least: unknown, most: unknown) => {
    const from = typeof least === "number" ? least : 0;
    const to = typeof most === "number" ? most : from + 2;
    return from + upTo(Math.max(0, to - from));
  };

  function answer(schema: unknown, depth: number): string | undefined {
    if (schema === false || depth > 12) return undefined;
    if (schema === true || !isObject(schema))
      return pick(["null", "1", '"a"', "[]", "{}", '{"b":[true]}']);
    const { $ref, const: constant, enum: values, anyOf, oneOf, type } = schema;
    if (typeof $ref === "string") return answer(referred($ref), depth + 1);
    if (constant !== undefined) return JSON.stringify(constant);
    if (Array.isArray(values)) return JSON.stringify(pick(values));
    const branches = anyOf ?? oneOf;
    if (Array.isArray(branches)) return answer(pick(branches), depth + 1);
    switch (type) {
      case "null":
        return "null";
      case "boolean":
        return pick(["true", "false"]);
      case "integer":
        return pick([
          "0",
          "-1",
          "10",
          "9007199254740991",
          "-9007199254740991",
          "1234567",
        ]);
      case "number":
        return pick([
          "0",
          "-1.5",
          "1e+21",
          "1.7e-300",
          "0.000001",
          "123456789012345680000",
        ]);
      case "string":
        return text(schema);
      case "array":
        return list(schema, depth);
      default:
        return object(schema, depth);
    }
  }

  const referred = (reference: string): unknown => {
    const { $defs } = root;
    if (reference === "#" || !isObject($defs)) return root;
    return $defs[reference === "#/$defs/x" ? "x" : "y/z"];
  };

  function text({ minLength, maxLength, format }: Schema): string | undefined {
    switch (format) {
      case "date":
        return pick([
          '"2024-02-29"',
          '"1999-12-31"',
          '"2000-02-29"',
          '"1900-02-28"',
        ]);
      case "time":
        return pick(['"00:00:00Z"', '"23:59:59.123+14:00"']);
      case "date-time":
        return pick([
          '"2024-02-29T12:30:00Z"',
          '"0001-01-01T00:00:00.5-08:00"',
        ]);
      default: {
        const length = some(minLength, maxLength);
        const characters = [
          "a",
          "é",
          "\n",
          '"',
          "\\",
          "😀",
          "\u0000",
          "\u2028",
          "\u007f",
        ];
        return JSON.stringify(
          Array.from({ length }, () => pick(characters)).join(""),
        );
      }
    }
  }

  function list(schema: Schema, depth: number): string | undefined {
    const { prefixItems = [], items, minItems, maxItems } = schema;
    const first = Array.isArray(prefixItems) ? prefixItems : [];
    const length = some(
      minItems ?? Math.min(first.length, Number(maxItems ?? Infinity)),
      maxItems,
    );
    const written = Array.from({ length }, (_, i) =>
      answer(i < first.length ? first[i] : (items ?? true), depth + 1),
    );
    return written.includes(undefined) ? undefined : `[${written.join(",")}]`;
  }

  function object(schema: Schema, depth: number): string | undefined {
    const { properties, required, additionalProperties: others } = schema;
    // Of names that the schema doesn't know a grammar counts one.
    const counted = Number(schema["minProperties"] ?? 0) > 1;
    const isRequired = (name: string) =>
      Array.isArray(required) && required.includes(name);
    const named = Object.entries(isObject(properties) ? properties : {})
      .filter(([name]) => isRequired(name) || upTo(1) === 1)
      .map(
        ([name, one]) =>
          [name, answer(one, depth + 1), isRequired(name)] as const,
      )
      .filter(([, value, needed]) => value !== undefined || needed);
    const more =
      others === undefined || others === false
        ? []
        : ["new", "ac", "é"].slice(counted ? 2 : upTo(3));
    const added = more.map(
      (name) => [name, answer(others, depth + 1), false] as const,
    );
    const all = [...named, ...added.filter(([, value]) => value !== undefined)];
    if (all.some(([, value]) => value === undefined)) return undefined;
    return `{${all.map(([name, value]) => `${JSON.stringify(name)}:${value ?? ""}`).join(",")}}`;
  }

  return () => answer(root, 0);
}
