/** Texts, lists and objects of a schema, and the pairs of least and most: lengths, items, properties. */
import { anything, type Form, type ListForm, type ObjectForm } from "./form.ts";
import { isObject, type Schema } from "./keywords.ts";
import { formats, lengthsOf, type Format, type TextForm } from "./texts.ts";

/** Names a keyword of the schema that is read. */
type Refuse = (keyword: string, message: string) => void;

/** The largest count that can be asked for. */
const maxCount = 10_000;

/** Absent ones are 0 and Infinity; so are those that were refused. */
function readCounts(
  schema: Schema,
  of: "Length" | "Items" | "Properties",
  refuse: Refuse,
): { min: number; max: number } {
  const read = (keyword: string, otherwise: number): number => {
    const value = schema[keyword];
    if (value === undefined) return otherwise;
    if (isCount(value)) return value;
    refuse(keyword, `expected a whole number from 0 to ${maxCount}`);
    return otherwise;
  };
  const min = read(`min${of}`, 0);
  const max = read(`max${of}`, Infinity);
  if (min > max) refuse(`min${of}`, `it is over max${of}`);
  return { min: Math.min(min, max), max };
}

export function readText(schema: Schema, refuse: Refuse): TextForm {
  const { min, max } = readCounts(schema, "Length", refuse);
  const { format } = schema;
  if (format === undefined) return { min, max };
  if (!isFormat(format)) {
    refuse("format", `expected one of ${formats.join(", ")}`);
    return { min, max };
  }
  const [shortest, longest] = lengthsOf[format];
  const lengths = `a ${format} has ${shortest} to ${longest} characters here, and is not held to a length`;
  if (min > shortest) refuse("minLength", lengths);
  if (max < longest) refuse("maxLength", lengths);
  return { min, max, format };
}

const isFormat = (value: unknown): value is Format =>
  formats.some((format) => format === value);

const isCount = (value: unknown): value is number =>
  typeof value === "number" &&
  Number.isInteger(value) &&
  value >= 0 &&
  value <= maxCount;

/** What reads the schemas inside. */
export interface Inside {
  /** Names a keyword of the schema itself. */
  refuse: Refuse;
  /** The form of a schema inside; `steps` lead to it. */
  later: (schema: unknown, ...steps: (string | number)[]) => Form;
}

export function readList(schema: Schema, { refuse, later }: Inside): ListForm {
  const { prefixItems, items } = schema;
  const { max, ...counts } = readCounts(schema, "Items", refuse);
  if (prefixItems !== undefined && !Array.isArray(prefixItems))
    refuse("prefixItems", "expected a list of schemas");
  const first = (Array.isArray(prefixItems) ? prefixItems : []).map((item, i) =>
    later(item, "prefixItems", i),
  );
  // Nothing said, a tuple is written whole, and has no item that the schema does not name.
  const whole = Math.min(first.length, max);
  const min = schema["minItems"] === undefined ? whole : counts.min;
  const isOpen = items !== undefined || first.length === 0;
  if (isOpen && items !== false) {
    const rest = items === undefined ? anything : later(items, "items");
    return { first, rest, min, max };
  }
  if (min > first.length)
    refuse(
      "minItems",
      `more than the ${first.length} items that prefixItems and items allow`,
    );
  return { first, min, max };
}

export function readObject(schema: Schema, inside: Inside): ObjectForm {
  const { refuse, later } = inside;
  const { properties: named = {}, additionalProperties: others } = schema;
  const counts = readCounts(schema, "Properties", refuse);
  if (!isObject(named)) refuse("properties", "expected an object of schemas");
  const schemas = isObject(named) ? named : {};
  const required = readRequired(schema, schemas, refuse);
  const properties = Object.entries(schemas).map(([name, inner]) => ({
    name,
    form: later(inner, "properties", name),
    required: required.has(name),
  }));
  // As with items: without `properties` any are meant, and beside them no others.
  const isOpen = others !== undefined || schema["properties"] === undefined;
  const form: ObjectForm = { ...counts, properties };
  if (isOpen && others !== false)
    form.rest =
      others === undefined ? anything : later(others, "additionalProperties");
  refuseCounts(form, refuse);
  return form;
}

function readRequired(
  { required = [] }: Schema,
  schemas: Schema,
  refuse: Refuse,
): ReadonlySet<unknown> {
  const isKnown = (name: unknown) =>
    typeof name === "string" && Object.hasOwn(schemas, name);
  if (Array.isArray(required) && required.every(isKnown))
    return new Set(required);
  refuse("required", "expected names that are in properties");
  return new Set();
}

/** Counts that no object of the form can have. */
function refuseCounts(form: ObjectForm, refuse: Refuse): void {
  const { properties, rest, min, max } = form;
  const required = properties.filter(({ required }) => required).length;
  if (max < required)
    refuse("maxProperties", `less than the ${required} that are required`);
  // Names that the model chooses may repeat, so only one of them is sure to count.
  const sure = properties.length + (rest === undefined ? 0 : 1);
  if (min > sure)
    refuse(
      "minProperties",
      rest === undefined
        ? `more than the ${sure} that are allowed`
        : `more than ${sure} can't be counted on: additional names may repeat`,
    );
}
