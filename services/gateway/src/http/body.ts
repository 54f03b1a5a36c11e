/** What the body of a request may be: JSON, in UTF-8, not compressed. And of routes that need none: anything. */
import type { FastifyRequest } from "fastify";
import { ApiError } from "../apiError.ts";
import { parseJson } from "../calls/parseJson.ts";
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
