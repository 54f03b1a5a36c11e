/**
 * The engine behind the port: any server that speaks OpenAI's API (vLLM, llama-server, Ollama …). Where it is gone,
 * this process ends, so that the worker's own rules decide about its tasks, and the next one waits until it is back.
 */
import { APIError, type OpenAI } from "openai";
import { randomInt } from "node:crypto";
import {
  EngineError,
  type Engine,
  type EngineConfig,
  type EngineRequest,
  type EngineResult,
  type GenerateOptions,
  type TokenCounts,
} from "../engine.ts";
import { checkForm } from "../form.ts";
import { chatBody, completionBody, dialectOf } from "./requestBody.ts";
import { openUpstream } from "./upstream.ts";

const defaultSlots = 16;
/** By these an upstream says that the request itself is wrong: too long a prompt, an option that it doesn't take. */
const invalid = new Set([400, 413, 422]);

/** What one chunk of either stream says. */
interface Said {
  text: string;
  finish: string | null | undefined;
  usage: OpenAI.CompletionUsage | null | undefined;
}

/** Finds the upstream and its model; rejects with a ModelLoadError. */
export async function makeOpenaiEngine(
  { upstream, slots = defaultSlots, contextSize }: EngineConfig,
  /** `onLost`: the upstream is gone; this process ends then, and another one waits until that is back. */
  { onLost }: { onLost: (why: string) => void },
): Promise<Engine> {
  if (upstream === undefined) throw new Error("no upstream is named");
  const config = upstream;
  const { client, model, explain } = await openUpstream(config, onLost);
  const dialect = dialectOf(model.ownedBy);
  const context = contextSize ?? model.contextSize;

  async function* chat(request: EngineRequest, signal: AbortSignal) {
    const body = chatBody(request, config.model, dialect);
    const stream = await client.chat.completions.create(body, { signal });
    for await (const { choices, usage } of stream)
      yield said(choices[0], choices[0]?.delta.content, usage);
  }

  async function* complete(request: EngineRequest, signal: AbortSignal) {
    const body = completionBody(request, config.model, dialect);
    const stream = await client.completions.create(body, { signal });
    for await (const { choices, usage } of stream)
      yield said(choices[0], choices[0]?.text, usage);
  }

  async function generate(
    request: EngineRequest,
    options: GenerateOptions,
  ): Promise<EngineResult> {
    const { signal } = options;
    signal.throwIfAborted();
    const { params, raw, continueFrom } = request;
    const begun = continueFrom ?? { text: "", tokens: 0 };
    if (begun.tokens >= params.max_tokens) return allSaid(begun);
    const seed = params.seed ?? randomInt(2 ** 32);
    const seeded = { ...request, params: { ...params, seed } };
    try {
      if (request.probe) return await probe(signal);
      const stream = (raw ? complete : chat)(seeded, signal);
      const heard = await hear(stream, begun, options.onText);
      signal.throwIfAborted();
      const { finish, ...rest } = heard;
      const finishReason = finishOf(finish);
      if (finishReason === "stop") checkForm(heard.text, params);
      return { ...rest, finishReason, seed };
    } catch (error) {
      signal.throwIfAborted();
      throw refusalOf(error);
    }
  }

  /** Tokens of an upstream may cost money: that it still answers is what can be known for nothing. */
  async function probe(signal: AbortSignal): Promise<EngineResult> {
    await client.models.list({ signal });
    return allSaid({ text: "", tokens: 0 });
  }

  function finishOf(finish: string | undefined): EngineResult["finishReason"] {
    if (finish === "stop" || finish === "length") return finish;
    throw finish === undefined
      ? new Error("the stream ended before the text did")
      : new EngineError("RuntimeError", `the upstream ended it by ${finish}`);
  }

  /** Anything but an answer of the upstream is a connection that broke, and whatever ran there with it. */
  function refusalOf(error: unknown): unknown {
    if (error instanceof EngineError) return error;
    const type = invalid.has(statusOf(error) ?? 0)
      ? "ValidationError"
      : "RuntimeError";
    const verb = type === "ValidationError" ? "refused the request" : "failed";
    const message = `the upstream ${verb}: ${explain(error)}`;
    if (!isAnswer(error)) onLost(message);
    return new EngineError(type, message, { cause: error });
  }

  return {
    info: {
      ...{ slots, engine: "openai", engineVersion: model.ownedBy },
      ...(context !== undefined && { contextSize: context }),
    },
    generate,
  };
}

/** Either with a status, or in the middle of a stream by an object of its own. */
const isAnswer = (error: unknown): boolean =>
  error instanceof APIError &&
  (statusOf(error) !== undefined || error.error !== undefined);

const statusOf = (error: unknown): number | undefined =>
  error instanceof APIError ? (error.status as number | undefined) : undefined;

const said = (
  choice: { finish_reason?: string | null } | undefined,
  text: string | null | undefined,
  usage: Said["usage"],
): Said => ({ text: text ?? "", finish: choice?.finish_reason, usage });

const allSaid = ({ text, tokens }: { text: string; tokens: number }) => ({
  ...{ text, finishReason: "length" as const },
  ...{ promptTokens: 0, completionTokens: tokens, cachedTokens: 0 },
});

/** Hears the whole text out. Until the upstream tells its numbers, a piece counts as one token. */
async function hear(
  stream: AsyncIterable<Said>,
  begun: { text: string; tokens: number },
  onText: GenerateOptions["onText"],
) {
  let { text } = begun;
  let finish: string | undefined;
  let cachedTokens = 0;
  let counts: TokenCounts = {
    ...{ promptTokens: 0, completionTokens: begun.tokens },
  };
  for await (const { text: piece, finish: ending, usage } of stream) {
    finish ??= ending ?? undefined;
    if (usage) {
      // What was begun is part of the prompt there.
      const promptTokens = Math.max(0, usage.prompt_tokens - begun.tokens);
      const completionTokens = begun.tokens + usage.completion_tokens;
      const cached = usage.prompt_tokens_details?.cached_tokens ?? 0;
      counts = { promptTokens, completionTokens };
      cachedTokens = Math.min(cached, promptTokens);
    } else if (piece !== "") {
      const completionTokens = counts.completionTokens + 1;
      counts = { ...counts, completionTokens };
    }
    if (piece === "") continue;
    text += piece;
    onText(piece, counts);
  }
  return { text, finish, cachedTokens, ...counts };
}
