/** The body of a call, as JSON. */
import { isUtf8 } from "node:buffer";
import { ApiError } from "../apiError.ts";

/** A key `__proto__`, however it is escaped. In a text its quotes would be escaped. */
const protoKey =
  /"(?:_|\\u005f){2}(?:p|\\u0070)(?:r|\\u0072)(?:o|\\u006f)(?:t|\\u0074)(?:o|\\u006f)(?:_|\\u005f){2}"\s*:/i;

/** Throws an ApiError where the bytes are no JSON in UTF-8. */
export function parseJson(body: Buffer): unknown {
  if (body.length === 0) throw invalid("the body is empty");
  if (!isUtf8(body)) throw invalid("the body is not valid UTF-8");
  const text = body.toString("utf8", startsWithBom(body) ? 3 : 0);
  const value = parsed(text);
  if (protoKey.test(text)) {
    const fields = [{ field: "__proto__", message: "this name is refused" }];
    throw new ApiError("invalid_request", "see: __proto__", { fields });
  }
  return value;
}

function parsed(text: string): unknown {
  try {
    return JSON.parse(text);
  } catch {
    throw invalid("the body is not valid JSON");
  }
}

const startsWithBom = (body: Buffer): boolean =>
  body[0] === 0xef && body[1] === 0xbb && body[2] === 0xbf;

const invalid = (detail: string) => new ApiError("invalid_request", detail);
