/** A JSON Schema as HTML: the fields of an object, with their types, bounds and meanings. */
import { escape, inline } from "./page.ts";

export interface Schema {
  $ref?: string;
  type?: string | string[];
  const?: unknown;
  enum?: unknown[];
  format?: string;
  default?: unknown;
  description?: string;
  minimum?: number;
  maximum?: number;
  exclusiveMinimum?: number;
  minLength?: number;
  maxLength?: number;
  minItems?: number;
  maxItems?: number;
  properties?: Record<string, Schema>;
  required?: string[];
  additionalProperties?: Schema | boolean;
  items?: Schema;
  anyOf?: Schema[];
  oneOf?: Schema[];
  allOf?: Schema[];
}

/** In few words. */
export function typeOf(schema: Schema): string {
  const { type, enum: choices, anyOf, oneOf, items, format } = schema;
  if (schema.const !== undefined) return JSON.stringify(schema.const);
  if (choices) return choices.map((one) => JSON.stringify(one)).join(" | ");
  const union = anyOf ?? oneOf;
  if (union) return [...new Set(union.map(typeOf))].join(" | ");
  if (schema.$ref !== undefined) return schema.$ref.split("/").at(-1) ?? "";
  const word = [type ?? "any"].flat().join(" | ");
  if (type === "array" && items) return `array of ${typeOf(items)}`;
  return [word, format, boundsOf(schema)].filter(Boolean).join(", ");
}

/** Of numbers, the bounds that say something: an integer is always a safe one. */
function boundsOf(schema: Schema): string {
  const { minimum, exclusiveMinimum, maximum, minLength, maxLength } = schema;
  const safe = (bound?: number) =>
    bound !== undefined && Math.abs(bound) < Number.MAX_SAFE_INTEGER;
  return [
    safe(minimum) ? `≥ ${minimum}` : "",
    safe(exclusiveMinimum) ? `> ${exclusiveMinimum}` : "",
    safe(maximum) ? `≤ ${maximum}` : "",
    minLength !== undefined && maxLength !== undefined
      ? `${minLength} to ${maxLength} characters`
      : "",
  ]
    .filter((text) => text !== "")
    .join(", ");
}

export function schemaHtml(
  schema: Schema,
  named: Readonly<Record<string, Schema>>,
): string {
  const { $ref, anyOf, oneOf, allOf, items, properties } = schema;
  if ($ref !== undefined) {
    const known = named[$ref.split("/").at(-1) ?? ""];
    return known ? schemaHtml(known, named) : "";
  }
  const parts = anyOf ?? oneOf ?? allOf;
  if (parts) {
    const shown = parts.map((part) => schemaHtml(part, named)).filter(Boolean);
    return shown.join(anyOf || oneOf ? "<p><small>or</small></p>" : "");
  }
  if (items) return schemaHtml(items, named);
  if (!properties || Object.keys(properties).length === 0) return "";
  const required = new Set(schema.required ?? []);
  const rows = Object.entries(properties).map(([name, inner]) => {
    const within = schemaHtml(inner, named);
    const facts = [
      escape(typeOf(inner)),
      required.has(name) ? "required" : "",
      inner.default === undefined
        ? ""
        : `default <code>${escape(JSON.stringify(inner.default))}</code>`,
    ].filter((fact) => fact !== "");
    return `<dt><code>${escape(name)}</code> <small>${facts.join(" · ")}</small></dt>
<dd>${inline(inner.description ?? "")}${within === "" ? "" : `<details><summary>Fields</summary>${within}</details>`}</dd>`;
  });
  return `<dl>${rows.join("\n")}</dl>`;
}
