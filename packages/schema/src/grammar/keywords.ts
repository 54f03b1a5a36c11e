/** The part of JSON Schema (2020-12) that an answer can be held to. */
import type { Scalar } from "./form.ts";

/** From the schema's top to a place in it. */
export type Path = readonly (string | number)[];
export type Schema = Readonly<Record<string, unknown>>;

export interface SchemaProblem {
  path: Path;
  /** Begins with the place as a JSON pointer. */
  message: string;
}

/** They say nothing about an answer's form. */
export const annotations: ReadonlySet<string> = new Set([
  "title",
  "description",
  "default",
  "examples",
  "deprecated",
  "readOnly",
  "writeOnly",
  "$comment",
  "$id",
]);

/** What may stand beside each `type`. */
const byType = {
  string: ["minLength", "maxLength", "format"],
  number: [],
  integer: [],
  boolean: [],
  null: [],
  object: [
    "properties",
    "required",
    "additionalProperties",
    "minProperties",
    "maxProperties",
  ],
  array: ["items", "prefixItems", "minItems", "maxItems"],
} satisfies Record<string, readonly string[]>;

export type JsonType = keyof typeof byType;
export const jsonTypes: ReadonlySet<string> = new Set(Object.keys(byType));

/** What may stand beside what decides instead of `type`; OpenAPI's discriminator repeats what the branches say. */
const byKind = {
  enum: ["enum", "const"],
  oneOf: ["oneOf", "discriminator"],
  anyOf: ["anyOf", "discriminator"],
  $ref: ["$ref"],
} satisfies Record<string, readonly string[]>;
const kinds = Object.keys(byKind) as (keyof typeof byKind)[];

/** The keyword that decides what an answer is, undefined where it is `type`; and those that have an effect beside it. */
export function applicable(schema: Schema, type: JsonType | undefined) {
  const has = (keyword: string) => schema[keyword] !== undefined;
  const kind = kinds.find((kind) => byKind[kind].some(has));
  const beside = kind ? byKind[kind] : type ? byType[type] : [];
  return { kind, keywords: new Set<string>(["type", ...beside]) };
}

export const isObject = (value: unknown): value is Schema =>
  typeof value === "object" && value !== null && !Array.isArray(value);

export const isScalar = (value: unknown): value is Scalar =>
  value === null ||
  ["string", "boolean"].includes(typeof value) ||
  Number.isFinite(value);

/** The place as a JSON pointer in a URI's fragment; long names are cut. */
export const pointer = (path: Path): string =>
  `#${path.map((step) => `/${escaped(shortened(String(step)))}`).join("")}`;

const escaped = (name: string): string =>
  name.replaceAll("~", "~0").replaceAll("/", "~1");

const shortened = (name: string): string =>
  name.length > 64 ? `${name.slice(0, 64)}…` : name;

/** What `#` or `#/$defs/<name>` refers to; undefined where there is no such thing. */
export function targetOf(
  root: Schema,
  reference: unknown,
): { schema: unknown; path: Path } | undefined {
  if (reference === "#") return { schema: root, path: [] };
  const [, escaped] =
    typeof reference === "string"
      ? (/^#\/\$defs\/([^/]+)$/.exec(reference) ?? [])
      : [];
  const name = escaped === undefined ? undefined : unescape(escaped);
  const { $defs } = root;
  if (name === undefined || !isObject($defs) || !Object.hasOwn($defs, name))
    return undefined;
  return { schema: $defs[name], path: ["$defs", name] };
}

/** A name in a JSON pointer in a URI. */
function unescape(name: string): string | undefined {
  try {
    return decodeURIComponent(name).replaceAll("~1", "/").replaceAll("~0", "~");
  } catch {
    return undefined;
  }
}
