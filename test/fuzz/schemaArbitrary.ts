/** Values that a JSON Schema of the document takes, and values that it hardly takes. */
import type { ApiDocument, ApiMedia } from "@jetscribe/testing";
import fc from "fast-check";

type Schema = Exclude<ApiMedia["schema"], boolean>;

const anyText = fc.string({ unit: "grapheme", maxLength: 40 });
const anyJson = fc.jsonValue({ depthSize: "small" });

/** Texts and numbers stay short: what is long has generators of its own. */
export function validValue(
  schema: ApiMedia["schema"],
  document: ApiDocument,
): fc.Arbitrary<unknown> {
  if (typeof schema === "boolean") return anyJson;
  const of = (inner: Schema) => validValue(inner, document);
  const { $ref, enum: choices, anyOf, oneOf, allOf } = schema;
  const fixed: unknown = schema.const;
  if (typeof $ref === "string") return of(resolve($ref, document));
  if (fixed !== undefined) return fc.constant(fixed);
  if (choices) return fc.constantFrom(...(choices as unknown[]));
  const union = anyOf ?? oneOf;
  if (union) return fc.oneof(...union.map(of));
  if (allOf)
    return fc
      .tuple(...allOf.map(of))
      .map((parts) => Object.assign({}, ...parts) as unknown);
  const types = [schema.type ?? []].flat();
  if (types.length === 0) return anyJson;
  return fc.oneof(...types.map((type) => ofType(String(type), schema, of)));
}

function ofType(
  type: string,
  schema: Schema,
  of: (inner: Schema) => fc.Arbitrary<unknown>,
): fc.Arbitrary<unknown> {
  switch (type) {
    case "null":
      return fc.constant(null);
    case "boolean":
      return fc.boolean();
    case "integer":
    case "number":
      return aNumber(type, schema);
    case "string":
      return aText(schema);
    case "array":
      return fc.array(schema.items ? of(schema.items as Schema) : anyJson, {
        minLength: schema.minItems ?? 0,
        maxLength: Math.min(schema.maxItems ?? 4, (schema.minItems ?? 0) + 4),
      });
    default:
      return anObject(schema, of);
  }
}

function aNumber(type: string, schema: Schema): fc.Arbitrary<unknown> {
  const { minimum = -1e9, maximum = 1e9 } = schema;
  const least = Math.max(minimum, Number(schema.exclusiveMinimum ?? -1e9));
  const most = Math.min(maximum, Number(schema.exclusiveMaximum ?? 1e9));
  if (type === "integer") {
    const from = Math.ceil(least) + (schema.exclusiveMinimum === least ? 1 : 0);
    const to = Math.floor(most) - (schema.exclusiveMaximum === most ? 1 : 0);
    return fc.integer({ min: from, max: to });
  }
  const ends = { min: least, max: most, noNaN: true };
  return fc.double({
    ...ends,
    minExcluded: schema.exclusiveMinimum === least,
    maxExcluded: schema.exclusiveMaximum === most,
  });
}

function aText(schema: Schema): fc.Arbitrary<unknown> {
  const { format, pattern, minLength = 0, maxLength = 40 } = schema;
  if (format === "uuid") return fc.uuid({ version: 7 });
  if (format === "date-time")
    return fc.date({ noInvalidDate: true }).map((date) => date.toISOString());
  if (pattern !== undefined)
    try {
      return fc.stringMatching(new RegExp(pattern, "u"));
    } catch {
      // A pattern that the generator does not know.
    }
  const longest = Math.max(minLength, Math.min(maxLength, 40));
  return fc.string({ unit: "grapheme", minLength, maxLength: longest });
}

function anObject(
  schema: Schema,
  of: (inner: Schema) => fc.Arbitrary<unknown>,
): fc.Arbitrary<unknown> {
  const properties = (schema.properties ?? {}) as Record<string, Schema>;
  const required = schema.required ?? [];
  const fields = fc.record(
    Object.fromEntries(
      Object.entries(properties).map(([name, inner]) => [name, of(inner)]),
    ),
    { requiredKeys: required.filter((name) => name in properties) },
  );
  // Most requests have a few of their fields.
  const few = fc
    .tuple(fields, fc.array(fc.nat(100), { maxLength: 6 }))
    .map(([whole, picks]) => {
      const names = Object.keys(whole);
      const kept = new Set(picks.map((pick) => names[pick % names.length]));
      return Object.fromEntries(
        Object.entries(whole).filter(
          ([name]) => kept.has(name) || required.includes(name),
        ),
      );
    });
  const { additionalProperties: others } = schema;
  if (typeof others !== "object") return few;
  const name = schema.propertyNames
    ? (of(schema.propertyNames) as fc.Arbitrary<string>)
    : anyText;
  return fc
    .tuple(few, fc.dictionary(name, of(others), { maxKeys: 4 }))
    .map(([known, more]) => ({ ...more, ...known }));
}

function resolve(ref: string, document: ApiDocument): Schema {
  let found: unknown = document;
  for (const part of ref.slice(2).split("/"))
    found = (found as Record<string, unknown>)[part];
  return found as Schema;
}

const odd: fc.Arbitrary<unknown> = fc.oneof(
  anyJson,
  fc.constantFrom<unknown>(null, "", [], {}, -1, 0, 1e308, 2 ** 53, "x"),
  fc.string({ unit: "binary", maxLength: 20 }),
);

/** A value with one thing wrong, or odd: replaced, left out, or added. */
export const broken = (valid: fc.Arbitrary<unknown>): fc.Arbitrary<unknown> =>
  fc
    .tuple(valid, fc.nat(10_000), odd, fc.constantFrom("set", "drop", "add"))
    .map(([value, place, other, how]) => {
      const copy: Record<string, unknown> = { root: structuredClone(value) };
      const places = placesOf(copy);
      const { holder, name } = places[place % places.length] ?? {
        holder: copy,
        name: "root",
      };
      if (how === "set") holder[name] = other;
      else if (how === "add") holder[`${name}_`] = other;
      else delete holder[name];
      return copy["root"] ?? null;
    });

function placesOf(
  value: unknown,
): { holder: Record<string, unknown>; name: string }[] {
  if (typeof value !== "object" || value === null) return [];
  const holder = value as Record<string, unknown>;
  return Object.keys(holder).flatMap((name) => [
    { holder, name },
    ...placesOf(holder[name]),
  ]);
}
