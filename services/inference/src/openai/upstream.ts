/** The upstream as a client of its API, and whether it is there at all. */
import { APIError, OpenAI } from "openai";
import * as z from "zod";
import { EngineError, type UpstreamConfig } from "../engine.ts";

export interface Upstream {
  /** For generations: waits and asks again where the upstream is busy, for as long as the caller's signal lets it. */
  client: OpenAI;
  model: UpstreamModel;
  /** What to tell of an error: never the key. */
  explain: (error: unknown) => string;
}

/** What `/v1/models` says of the model. */
export interface UpstreamModel {
  /** `vllm`, `llamacpp`, `library` (Ollama) … */
  ownedBy: string;
  contextSize?: number;
}

const askTimeoutMs = 10_000;
/** A task has its own time limit, and the client waits 8 s at most between two tries. */
const untilAborted = 100_000;
const longestTimerMs = 2 ** 31 - 1;
const mostChars = 1_000;

const busy = new Set([429, 502, 503, 504]);
/** What a proxy answers for a server that is gone, and a busy server too. */
const perhapsGone = new Set([502, 503, 504]);

/** Finds the model; rejects with a ModelLoadError. `onLost` is called once it is found and the upstream is gone. */
export async function openUpstream(
  config: UpstreamConfig,
  onLost: (why: string) => void,
): Promise<Upstream> {
  const explain = makeExplain(config);
  const asking = makeClient(config, { maxRetries: 0, timeout: askTimeoutMs });
  const model = await findModel(asking, config, explain);

  /** Resolves where the upstream still answers. */
  async function checkThere(why: string): Promise<void> {
    try {
      await asking.models.list();
    } catch (error) {
      onLost(`the upstream is gone: ${why}; ${explain(error)}`);
    }
  }

  const guarded: typeof fetch = async (url, init) => {
    let response: Response;
    try {
      response = await fetch(url, init);
    } catch (error) {
      if (!init?.signal?.aborted) await checkThere(explain(error));
      throw error;
    }
    const { status, statusText, body } = response;
    if (response.ok) return response;
    if (perhapsGone.has(status)) await checkThere(`it answered ${status}`);
    // The client would repeat after every 5xx; an error in the model comes again.
    const headers = new Headers(response.headers);
    headers.set("x-should-retry", String(busy.has(status)));
    return new Response(body, { status, statusText, headers });
  };
  const client = makeClient(config, {
    ...{ maxRetries: untilAborted, timeout: longestTimerMs, fetch: guarded },
  });
  return { client, model, explain };
}

type ClientOptions = Pick<
  NonNullable<ConstructorParameters<typeof OpenAI>[0]>,
  "maxRetries" | "timeout" | "fetch"
>;

/** Everything is said here, so that none of the client's own environment variables counts. */
const makeClient = ({ url, key }: UpstreamConfig, options: ClientOptions) =>
  new OpenAI({
    ...options,
    ...{ baseURL: url, apiKey: key ?? "none", logLevel: "off" },
    ...{ organization: null, project: null, webhookSecret: null },
    ...(key === undefined && { defaultHeaders: { authorization: null } }),
  });

/** vLLM's own field, and llama-server's for one slot. */
const ContextSize = z.object({
  max_model_len: z.int().optional(),
  meta: z.object({ n_ctx: z.int().optional() }).optional(),
});

async function findModel(
  client: OpenAI,
  { model: wanted }: UpstreamConfig,
  explain: Upstream["explain"],
): Promise<UpstreamModel> {
  const { data } = await client.models.list().catch((cause: unknown) => {
    throw new EngineError(
      "ModelLoadError",
      `the upstream does not answer: ${explain(cause)}`,
      { cause },
    );
  });
  const model = data.find(({ id }) => id === wanted);
  if (model === undefined)
    throw new EngineError(
      "ModelLoadError",
      `the upstream has no model ${wanted}; it has: ${data.map(({ id }) => id).join(", ")}`,
    );
  const { success, data: size } = ContextSize.safeParse(model);
  const contextSize = success
    ? (size.max_model_len ?? size.meta?.n_ctx)
    : undefined;
  return {
    ownedBy: model.owned_by,
    ...(contextSize !== undefined && { contextSize }),
  };
}

/** An upstream's refusal may hold what it was sent: it is cut, and the key taken out. */
function makeExplain({ key }: UpstreamConfig) {
  return (error: unknown): string => {
    const { message, cause } =
      error instanceof Error ? error : new Error(String(error));
    const why =
      error instanceof APIError && error.status !== undefined
        ? `it answered ${message}`
        : [message, cause instanceof Error ? cause.message : ""]
            .filter(Boolean)
            .join(": ");
    const text = key === undefined ? why : why.replaceAll(key, "…");
    return text.slice(0, mostChars);
  };
}
