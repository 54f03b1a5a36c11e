/** Who calls: the API key in `X-API-Key`, or as a bearer token. */
import type { FastifyInstance, FastifyRequest } from "fastify";
import { ApiError } from "../apiError.ts";
import { makeFindKey, type ApiKey } from "../accept/apiKeys.ts";

declare module "fastify" {
  interface FastifyRequest {
    /** Of a route behind `requireKey`. */
    key: ApiKey;
  }
}

/** From now on every route of this scope needs a key. The same answer for a missing and for an unknown one. */
export function requireKey(
  app: FastifyInstance,
  keys: readonly ApiKey[],
): void {
  const findKey = makeFindKey(keys);
  app.decorateRequest("key");
  app.addHook("onRequest", (request, _reply, done) => {
    const key = findKey(givenKey(request));
    if (key !== undefined) request.key = key;
    done(key === undefined ? unknownKey() : undefined);
  });
}

const unknownKey = () =>
  new ApiError(
    "unauthorized",
    "send an API key as X-API-Key or as Authorization: Bearer",
  );

function givenKey({ headers }: FastifyRequest): string {
  const own = headers["x-api-key"];
  // Some clients send the header empty, and the key as a bearer token.
  if (typeof own === "string" && own !== "") return own;
  const [, token = ""] =
    /^Bearer +(\S+)$/i.exec(headers.authorization ?? "") ?? [];
  return token;
}
