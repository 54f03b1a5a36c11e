/** What the body of a request may be: JSON, in UTF-8, not compressed. And of routes that need none: anything. */
import type { FastifyRequest } from "fastify";
import { isUtf8 } from "node:buffer";
import { ApiError } from "../apiError.ts";
import type { App } from "./appDeps.ts";

/** From now on the routes of this scope read JSON and nothing else. */
export function readJson(app: App): void {
  app.removeAllContentTypeParsers();
  app.addContentTypeParser(
    "application/json",
    { parseAs: "buffer" },
    (request, body, done) => {
      try {
        checkHeaders(request.headers);
        done(null, parseJson(body as Buffer));
      } catch (error) {
        done(error as ApiError);
      }
    },
  );
}

/** From now on the routes of this scope read no body: one of any type is dropped. */
export function readNoBody(app: App): void {
  app.removeAllContentTypeParsers();
  app.addContentTypeParser("*", (_request, _payload, done) => done(null));
  app.addHook("onRequest", ({ headers }, _reply, done) => {
    // fastify refuses a type that it can't parse before any parser is asked.
    delete headers["content-type"];
    done();
  });
}

export const unsupportedType = () =>
  new ApiError(
    "unsupported_media_type",
    "Content-Type: expected application/json",
    { headers: { accept: "application/json" } },
  );

function checkHeaders(headers: FastifyRequest["headers"]): void {
  const coding = headers["content-encoding"];
  if (coding !== undefined && coding.trim().toLowerCase() !== "identity")
    throw new ApiError(
      "unsupported_media_type",
      "Content-Encoding: send the body as it is, not compressed",
      { headers: { "accept-encoding": "identity" } },
    );
  const type = headers["content-type"];
  const [, charset = "utf-8"] =
    /;\s*charset\s*=\s*"?([^";\s]*)/i.exec(type ?? "") ?? [];
  if (!/^utf-?8$/i.test(charset))
    throw new ApiError(
      "unsupported_media_type",
      "Content-Type: expected the charset utf-8",
      { headers: { accept: "application/json" } },
    );
}

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
