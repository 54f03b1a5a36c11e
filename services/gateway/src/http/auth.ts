/** Who calls: the API key in `X-API-Key`, or as a bearer token; a read-only link stands in for its key there. */
import type { Scope } from "@jetscribe/schema";
import type { FastifyInstance, FastifyReply, FastifyRequest } from "fastify";
import type * as z from "zod";
import { ApiError } from "../apiError.ts";
import type { AuthThrottle } from "../admission/authThrottle.ts";
import type { ApiKey } from "../keys/apiKeys.ts";
import type { KeyRing } from "../keys/keyRing.ts";
import type { ReadTokens } from "../keys/readTokens.ts";
import type { TaskParams } from "./taskParams.ts";

declare module "fastify" {
  interface FastifyRequest {
    /** Of a route behind `requireKey`. */
    key: ApiKey;
  }
  interface FastifyContextConfig {
    /** What a key needs to call the route. Every route behind `requireKey` names one. */
    scope?: Scope;
    /** A read token of the task that the path names does too. */
    readToken?: true;
  }
}

/**
 * From now on every route that is added to this app needs a key, with the scope that the route's `config` names. The same
 * answer for a missing key and for an unknown one. A key without the scope gets a 403 before a task is looked up, so it
 * learns nothing about tasks. An address that is throttled gets no answer about a key, be it right or wrong.
 */
export function requireKey(
  app: FastifyInstance,
  keys: CallKeys,
  throttle: AuthThrottle,
): void {
  app.decorateRequest("key");
  app.addHook("onRoute", ({ url, config }) => {
    if (config?.scope === undefined)
      throw new Error(`the route ${url} names no scope in its config`);
  });
  /** The refusal; undefined: the call may go on. */
  function admit(request: FastifyRequest, key: ApiKey): ApiError | undefined {
    keys.noteUse(key.id);
    request.key = key;
    if (key.link && !readMethods.has(request.method))
      return new ApiError("forbidden", "a read-only link changes nothing");
    const { scope } = request.routeOptions.config;
    const allowed = scope !== undefined && key.scopes.has(scope);
    return allowed ? undefined : lacking(scope);
  }
  /** Of a call whose key is not found. */
  async function admitByToken(
    request: FastifyRequest,
    reply: FastifyReply,
    given: string,
  ): Promise<ApiError | undefined> {
    const key = await keyOfToken(keys, request, given);
    if (key === undefined)
      return (
        keys.whyUnknown() ??
        (await throttle.note(request)) ??
        (isToken(given) ? unknownToken() : unknownKey())
      );
    // The address of the call may hold the token.
    void reply.headers({
      "cache-control": "no-store",
      "referrer-policy": "no-referrer",
    });
    return admit(request, key);
  }
  app.addHook("onRequest", (request, reply, done) => {
    const refusal = throttle.refusal(request);
    if (refusal !== undefined) return done(refusal);
    const given = givenKey(request);
    const key = keys.find(given);
    if (key !== undefined) return done(admit(request, key));
    admitByToken(request, reply, given).then(done, done);
  });
}

/** Of the calls that change nothing, also not by making another token. */
const readMethods: ReadonlySet<string> = new Set(["GET", "HEAD"]);

/** Ours have about 250 characters. */
const longestToken = 1_000;

/** A JWT in its compact form. */
const isToken = (text: string): boolean =>
  text.length <= longestToken && /^[\w-]+\.[\w-]+\.[\w-]+$/.test(text);

/** The key behind a link, or behind a read token where the route takes one; undefined: there is none. */
async function keyOfToken(
  keys: Pick<CallKeys, "ofToken" | "ofLink">,
  { routeOptions, query, params }: FastifyRequest,
  given: string,
): Promise<ApiKey | undefined> {
  // A link is for headers alone: it would let in whoever reads an address somewhere.
  const ofLink = isToken(given) ? await keys.ofLink(given) : undefined;
  if (ofLink || routeOptions.config.readToken !== true) return ofLink;
  // EventSource can't send a header.
  const { token: asked } = query as { token?: unknown };
  const token = given === "" ? asked : given;
  if (typeof token !== "string" || !isToken(token)) return undefined;
  const { task_id } = params as z.infer<typeof TaskParams>;
  return await keys.ofToken(token, task_id.toLowerCase());
}

/** What calls ask of the keys. */
export interface CallKeys extends Pick<
  KeyRing,
  "find" | "endOf" | "hasEnded" | "withId"
> {
  ofToken: ReadTokens["keyOf"];
  ofLink: ReadTokens["keyOfLink"];
  noteUse: (id: string) => void;
  /** Where a key that is not found may be a good one: keys are not read yet. */
  whyUnknown: () => ApiError | undefined;
}

/** Aborts when the caller is gone, or the caller's key ends. */
export function endOfCall(
  keys: Pick<CallKeys, "endOf">,
  { key }: Pick<FastifyRequest, "key">,
  reply: Pick<FastifyReply, "raw">,
): AbortSignal {
  const gone = hangUp(reply);
  const end = keys.endOf(key, gone);
  return end === undefined ? gone : AbortSignal.any([gone, end]);
}

/**
 * Does what a call asks for, whether its caller is still there or not; `ended` aborts when the key ends. A call whose key
 * ended meanwhile is refused, whatever it did before.
 */
export async function untilKeyEnds<T>(
  keys: Pick<CallKeys, "endOf" | "hasEnded">,
  call: Pick<FastifyRequest, "key">,
  act: (ended: AbortSignal | undefined) => Promise<T>,
): Promise<T> {
  const over = new AbortController();
  try {
    const done = await act(keys.endOf(call.key, over.signal));
    refuseEnded(keys, call);
    return done;
  } finally {
    over.abort();
  }
}

/** Throws the answer to an unknown key where the key has ended while its call was waiting. */
export function refuseEnded(
  keys: Pick<CallKeys, "hasEnded">,
  { key }: Pick<FastifyRequest, "key">,
): void {
  if (keys.hasEnded(key)) throw unknownKey();
}

/** Throws the refusal of a call that asks for more than its route does, and whose key has not the scope for it. */
export function requireScope(
  { key }: Pick<FastifyRequest, "key">,
  scope: Scope,
): void {
  if (!key.scopes.has(scope)) throw lacking(scope);
}

export const unknownKey = () =>
  new ApiError(
    "unauthorized",
    "send an API key as X-API-Key or as Authorization: Bearer",
  );

const unknownToken = () =>
  new ApiError(
    "unauthorized",
    "the link or read token has ended, is not whole, or is not for this call",
  );

const lacking = (scope = "") =>
  new ApiError("forbidden", `the key has no scope ${scope}`);

function givenKey({ headers }: FastifyRequest): string {
  const own = headers["x-api-key"];
  // Some clients send the header empty, and the key as a bearer token.
  if (typeof own === "string" && own !== "") return own;
  const [, token = ""] =
    /^Bearer +(\S+)$/i.exec(headers.authorization ?? "") ?? [];
  return token;
}

/** Aborts when the caller is gone. fastify's `request.signal` does so too, but also once a body was read to its end. */
function hangUp({ raw }: Pick<FastifyReply, "raw">): AbortSignal {
  const gone = new AbortController();
  if (raw.closed) gone.abort("closed");
  // A reason of its own: the default one is an error, whose stack would cost more than the answer.
  raw.once("close", () => gone.abort("closed"));
  return gone.signal;
}
