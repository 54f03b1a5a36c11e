/**
 * The part of JSON Schema (2020-12) that an answer can be held to. llama.cpp's grammars pass over what they don't know,
 * so a keyword that would have no effect is refused by its name.
 */
import * as z from "zod";

const types = [
  ...["string", "number", "integer", "boolean", "null"],
  ...["object", "array"],
];
const formats = ["date", "time", "date-time"];
const mostDepth = 32;
/** Characters of the schema as JSON. */
const mostLength = 65_536;

/** What may stand in every schema. */
const everywhere = ["type", "title", "description", "$defs"];
/** What may stand beside each `type`. */
const byType: Readonly<Record<string, readonly string[]>> = {
  string: ["minLength", "maxLength", "format"],
  object: [
    ...["properties", "required", "additionalProperties"],
    ...["minProperties", "maxProperties"],
  ],
  array: ["items", "prefixItems", "minItems", "maxItems"],
};

export interface SchemaProblem {
  path: (string | number)[];
  message: string;
}

/** What of a schema can't be kept to; nothing: all of it can. */
export function problemsOfSchema(schema: unknown): SchemaProblem[] {
  if (!isObject(schema)) return [{ path: [], message: "expected an object" }];
  if (JSON.stringify(schema).length > mostLength)
    return [{ path: [], message: `${mostLength} characters at most` }];
  const { $schema: _, ...rest } = schema;
  return check(rest, [], isObject(schema["$defs"]) ? schema["$defs"] : {});
}

type Defs = Record<string, unknown>;

function check(
  schema: unknown,
  path: (string | number)[],
  defs: Defs,
): SchemaProblem[] {
  const problem = (key: string, message: string) => ({
    path: [...path, key],
    message,
  });
  if (path.length > 2 * mostDepth)
    return [{ path, message: "nested too deep" }];
  if (!isObject(schema)) return [{ path, message: "expected an object" }];
  const { type, const: constant, enum: values, oneOf, $ref } = schema;
  const kinds = { type, const: constant, enum: values, oneOf, $ref };
  const given = Object.entries(kinds).filter(
    ([, value]) => value !== undefined,
  );
  const [kind = "type"] = given
    .map(([key]) => key)
    .filter((key) => key !== "type");

  const known = new Set([
    ...everywhere,
    ...(given.some(([key]) => key !== "type") ? [kind] : []),
    ...(kind === "type" ? (byType[String(type)] ?? []) : []),
  ]);
  const problems = Object.keys(schema)
    .filter((key) => !known.has(key))
    .map((key) =>
      problem(key, "this keyword has no effect on the answer here"),
    );
  if (given.length === 0)
    problems.push({
      path,
      message: "expected type, const, enum, oneOf or $ref",
    });
  if (type !== undefined && !(typeof type === "string" && types.includes(type)))
    problems.push(
      problem(
        "type",
        `expected one of ${types.join(", ")}; for several use oneOf`,
      ),
    );
  if (
    values !== undefined &&
    !(Array.isArray(values) && values.length > 0 && values.every(isScalar))
  )
    problems.push(problem("enum", "expected texts, numbers, booleans or null"));
  if (constant !== undefined && !isScalar(constant))
    problems.push(
      problem("const", "expected a text, a number, a boolean or null"),
    );
  if ($ref !== undefined && !isDefined($ref, defs))
    problems.push(
      problem(
        "$ref",
        "expected #/$defs/<name> of one that is defined at the top",
      ),
    );
  const { format } = schema;
  if (
    format !== undefined &&
    !(typeof format === "string" && formats.includes(format))
  )
    problems.push(problem("format", `expected one of ${formats.join(", ")}`));
  if (path.length > 0 && schema["$defs"] !== undefined)
    problems.push(problem("$defs", "only at the top"));
  problems.push(
    ...checkRequired(schema).map((message) => problem("required", message)),
  );
  return [...problems, ...checkInner(schema, path, defs)];
}

function checkInner(
  schema: Defs,
  path: (string | number)[],
  defs: Defs,
): SchemaProblem[] {
  const { oneOf, properties, additionalProperties, items, prefixItems } =
    schema;
  const at = (...more: (string | number)[]) => [...path, ...more];
  const each = (key: string, values: unknown) =>
    values === undefined
      ? []
      : Array.isArray(values) && values.length > 0
        ? values.flatMap((one, i) => check(one, at(key, i), defs))
        : [{ path: at(key), message: "expected a list of schemas" }];
  const named = (key: string, values: unknown) =>
    values === undefined
      ? []
      : isObject(values)
        ? Object.entries(values).flatMap(([name, one]) =>
            check(one, at(key, name), defs),
          )
        : [{ path: at(key), message: "expected an object of schemas" }];
  const one = (key: string, value: unknown) =>
    value === undefined || typeof value === "boolean"
      ? []
      : check(value, at(key), defs);
  return [
    ...each("oneOf", oneOf),
    ...each("prefixItems", prefixItems),
    ...named("properties", properties),
    ...(path.length === 0 ? named("$defs", schema["$defs"]) : []),
    ...one("additionalProperties", additionalProperties),
    ...one("items", items),
    ...checkCounts(schema).map(({ key, message }) => ({
      path: at(key),
      message,
    })),
  ];
}

/** Every property is always written, so any of them may be required, and nothing else. */
function checkRequired({ required, properties }: Defs): string[] {
  if (required === undefined) return [];
  const names: unknown[] = isObject(properties) ? Object.keys(properties) : [];
  return Array.isArray(required) &&
    required.every((name) => names.includes(name))
    ? []
    : ["expected names of properties"];
}

function checkCounts(schema: Defs): { key: string; message: string }[] {
  const keys = [
    "minLength",
    "maxLength",
    "minItems",
    "maxItems",
    "minProperties",
    "maxProperties",
  ];
  return keys
    .filter((key) => schema[key] !== undefined)
    .filter((key) => {
      const value = schema[key];
      return !(
        typeof value === "number" &&
        Number.isInteger(value) &&
        value >= 0 &&
        value <= 10_000
      );
    })
    .map((key) => ({
      key,
      message: "expected a whole number from 0 to 10000",
    }));
}

const isObject = (value: unknown): value is Defs =>
  typeof value === "object" && value !== null && !Array.isArray(value);

const isScalar = (value: unknown): boolean =>
  value === null || ["string", "number", "boolean"].includes(typeof value);

function isDefined(ref: unknown, defs: Defs): boolean {
  const [, name] =
    typeof ref === "string" ? (/^#\/\$defs\/([\w-]+)$/.exec(ref) ?? []) : [];
  return name !== undefined && Object.hasOwn(defs, name);
}

/** A schema whose every keyword the answer is held to. */
export const JsonSchema = z
  .record(z.string(), z.unknown())
  .superRefine((schema, context) => {
    for (const { path, message } of problemsOfSchema(schema))
      context.addIssue({ code: "custom", path, message });
  });
export type JsonSchema = z.infer<typeof JsonSchema>;
