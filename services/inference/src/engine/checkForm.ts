/** The form that an upstream was asked to hold an answer to, checked when it is whole: not all upstreams keep to it. */
import { Validator } from "@cfworker/json-schema";
import { parseJson } from "@jetscribe/event-log/codec/parseJson";
import type { GenerateParams } from "@jetscribe/schema";
import { EngineError } from "./engine.ts";

/**
 * Throws a RuntimeError where a text that ended by itself is not what was asked for. No message has any of it. Where
 * stop texts were asked for, one of them may have cut it, and it is taken as it is.
 */
export function checkForm(
  text: string,
  { response_format: format, stop = [] }: GenerateParams,
): void {
  if (format === undefined || format.type === "text" || stop.length > 0) return;
  const value = parseJson(text);
  if (value === undefined) throw wrong("it is no JSON");
  if (format.type === "json_object") {
    if (typeof value !== "object" || value === null || Array.isArray(value))
      throw wrong("it is no JSON object");
    return;
  }
  const validator = new Validator(format.json_schema.schema, "2020-12");
  const { valid, errors } = validator.validate(value);
  if (valid) return;
  const first = errors.at(-1);
  throw wrong(
    `${first?.instanceLocation ?? "#"} breaks ${first?.keyword ?? "it"}`,
  );
}

const wrong = (why: string) =>
  new EngineError(
    "RuntimeError",
    `the answer does not fit its response_format: ${why}`,
  );
