/** The pairs of least and most: lengths, items, properties. */
import type { Schema } from "./keywords.ts";
import { formats, lengthsOf, type Format, type TextForm } from "./texts.ts";

/** Names a keyword of the schema that is read. */
export type Refuse = (keyword: string, message: string) => void;

/** The largest count that can be asked for. */
const maxCount = 10_000;

/** Absent ones are 0 and Infinity; so are those that were refused. */
export function readCounts(
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
