/** The upstream as a client of its API, and whether it is there at all. */
import { setImmediate as turn } from "node:timers/promises";
import {
  APIConnectionTimeoutError,
  APIError,
  APIUserAbortError,
  OpenAI,
} from "openai";
import { EngineError, type UpstreamConfig } from "../engine.ts";
import { readModels, type ListedModel } from "./readModels.ts";

export interface UpstreamReports {
  /** The upstream was found, and is gone. */
  onLost: (why: string) => void;
  /** Something that does not stop it but that somebody should know. */
  onWarning: (message: string) => void;
}

const askTimeoutMs = 10_000;
/** A task has its own time limit, and the client waits 8 s at most between two tries. */
const retriesWithoutEnd = 100_000;
const longestTimerMs = 2 ** 31 - 1;
const maxMessageChars = 1_000;
const maxListBytes = 2 ** 24;
const maxErrorBytes = 2 ** 16;

const busy = new Set([429, 502, 503, 504]);
/** What a proxy answers for a server that is gone, and a busy server too. */
const perhapsGone = new Set([502, 503, 504]);
/** By these a server says that it has no list of models. */
const noList = new Set([404, 405, 410, 501]);

/** Finds the model, whose list may be missing; rejects with a ModelLoadError. */
export async function openUpstream(
  config: UpstreamConfig,
  { onLost, onWarning }: UpstreamReports,
) {
  const explain = makeExplain(config);
  const asking = makeClient(config, { maxRetries: 0, timeout: askTimeoutMs });
  const model = await findModel(asking, config, explain, onWarning);

  async function ask(): Promise<void> {
    const { body } = await askForModels(asking);
    await body?.cancel();
  }

  /** Resolves where the upstream still answers, whatever it says; where it is gone, `onLost` is called. */
  async function checkThere(why: string): Promise<void> {
    try {
      await ask().catch(async (error: unknown) => {
        if (statusOf(error) !== undefined || isLate(error)) throw error;
        // Perhaps by a connection that the upstream closed while it was idle; by the next turn all of these are known.
        await turn();
        await ask();
      });
    } catch (error) {
      if (!isGone(error)) return;
      onLost(`the upstream is gone: ${why}; ${explain(error)}`);
    }
  }

  const guard =
    (onWaiting: (why: string | undefined) => void): typeof fetch =>
    async (url, init) => {
      let response: Response;
      try {
        response = await fetch(url, init);
      } catch (error) {
        if (!init?.signal?.aborted) {
          onWaiting(`no connection to the upstream: ${explain(error)}`);
          await checkThere(explain(error));
        }
        throw error;
      }
      onWaiting(undefined);
      if (response.ok) return response;
      const { status, statusText, body } = response;
      onWaiting(`the upstream answered ${status}`);
      if (perhapsGone.has(status)) await checkThere(`it answered ${status}`);
      // The client would repeat after every 5xx; an error in the model comes again.
      const headers = new Headers(response.headers);
      headers.set("x-should-retry", String(busy.has(status)));
      const beginning = beginningOf(body, maxErrorBytes);
      return new Response(beginning, { status, statusText, headers });
    };

  /**
   * A client for one generation: it waits and asks again where the upstream is busy, for as long as the caller's signal
   * lets it. `onWaiting` is told why, and undefined once there is an answer.
   */
  const clientFor = (onWaiting: (why: string | undefined) => void): OpenAI =>
    makeClient(config, {
      maxRetries: retriesWithoutEnd,
      timeout: longestTimerMs,
      fetch: guard(onWaiting),
    });

  return { clientFor, checkThere, model, explain };
}

type ClientOptions = Pick<
  NonNullable<ConstructorParameters<typeof OpenAI>[0]>,
  "maxRetries" | "timeout" | "fetch"
>;

/** Everything is said here, so that none of the client's own environment variables counts. */
const makeClient = ({ url, key }: UpstreamConfig, options: ClientOptions) =>
  new OpenAI({
    ...options,
    baseURL: url,
    apiKey: key ?? "none",
    logLevel: "off",
    organization: null,
    project: null,
    webhookSecret: null,
    ...(key === undefined && { defaultHeaders: { authorization: null } }),
  });

const askForModels = (client: OpenAI): Promise<Response> =>
  client.models
    .list({ signal: AbortSignal.timeout(askTimeoutMs) })
    .asResponse();

/** So much of a body at most: an upstream may send without end. */
function beginningOf(body: Response["body"], maxBytes: number) {
  let left = maxBytes;
  const limit = new TransformStream<Uint8Array, Uint8Array>({
    transform(bytes, out) {
      left -= bytes.length;
      if (left < 0) out.terminate();
      else out.enqueue(bytes);
    },
  });
  return body && body.pipeThrough(limit);
}

const isLate = (error: unknown): boolean =>
  error instanceof APIConnectionTimeoutError ||
  error instanceof APIUserAbortError;

const isGone = (error: unknown): boolean => {
  const status = statusOf(error);
  return status === undefined || perhapsGone.has(status);
};

/** The status of an answer; undefined: there was none. */
export const statusOf = (error: unknown): number | undefined =>
  error instanceof APIError ? (error.status as number | undefined) : undefined;

async function findModel(
  client: OpenAI,
  { model: wanted }: UpstreamConfig,
  explain: (error: unknown) => string,
  onWarning: UpstreamReports["onWarning"],
): Promise<Partial<ListedModel>> {
  const unlisted = (why: string) => {
    onWarning(
      `the upstream has no list of models (${why}): whether it has ${wanted} is not known`,
    );
    return {};
  };
  let list: string;
  try {
    const { body } = await askForModels(client);
    list = await new Response(beginningOf(body, maxListBytes)).text();
  } catch (cause) {
    if (noList.has(statusOf(cause) ?? 0))
      return unlisted(`it answered ${statusOf(cause)}`);
    throw new EngineError(
      "ModelLoadError",
      `the upstream does not answer: ${explain(cause)}`,
      { cause },
    );
  }
  const models = readModels(list);
  if (models === undefined) return unlisted("its answer is none");
  const model = models.find(({ id }) => id === wanted);
  if (model !== undefined) return model;
  const names = models.map(({ id }) => id).join(", ");
  throw new EngineError(
    "ModelLoadError",
    `the upstream has no model ${wanted}; it has: ${names.slice(0, maxMessageChars)}`,
  );
}

/**
 * Makes what to tell of an error. An upstream's refusal may hold what it was sent: it is cut, and the key taken out. Lists
 * leave out what stands behind "it answered" (`listedError`).
 */
function makeExplain({ key }: UpstreamConfig) {
  return (error: unknown): string => {
    const { message, cause } =
      error instanceof Error ? error : new Error(String(error));
    const why =
      error instanceof APIError && error.status !== undefined
        ? `it answered ${message}`
        : error instanceof APIError && error.error !== undefined
          ? `it answered with an error: ${message}`
          : [message, cause instanceof Error ? causeOf(cause) : ""]
              .filter(Boolean)
              .join(": ");
    const text = key === undefined ? why : why.replaceAll(key, "…");
    return text.slice(0, maxMessageChars).toWellFormed();
  };
}

/** Of fetch's own errors the cause says more, and often the cause of that. */
const causeOf = ({ message, cause }: Error): string =>
  cause instanceof Error ? `${message}: ${cause.message}` : message;
