/**
 * The engine behind the port: any server that speaks OpenAI's API (vLLM, llama-server, Ollama …). Where it is gone,
 * this process ends, so that the worker's own rules decide about its tasks, and the next one waits until it is back.
 * An answer that is odd or breaks off while the upstream is there costs its own attempt only.
 */
import { randomInt } from "node:crypto";
import {
  EngineDied,
  EngineError,
  type Engine,
  type EngineConfig,
  type EngineRequest,
  type EngineResult,
  type GenerateOptions,
} from "../engine.ts";
import { checkForm } from "../checkForm.ts";
import { OddAnswer, readChunk, type Delta } from "./readChunk.ts";
import { collect, type Collected } from "./collect.ts";
import { chatBody, completionBody, dialectOf } from "./requestBody.ts";
import { BrokenOff, readEvents } from "./readEvents.ts";
import { openUpstream, statusOf, type UpstreamReports } from "./upstream.ts";

const defaultSlots = 16;
/** By these an upstream says that the request itself is wrong: too long a prompt, an option that it doesn't take. */
const invalid = new Set([400, 413, 422]);
/** By these it says that max_tokens, or its own limit, cut the text. */
const cut = new Set(["length", "max_tokens", "model_length"]);
/** By these it says that the text is not what the model would have written. Any other reason ends a text as it is. */
const failed = new Set(["content_filter", "error", "abort", "cancelled"]);

/** Finds the upstream and its model; rejects with a ModelLoadError. */
export async function makeOpenaiEngine(
  { upstream, slots = defaultSlots, contextSize }: EngineConfig,
  reports: UpstreamReports,
): Promise<Engine> {
  if (upstream === undefined) throw new Error("no upstream is named");
  const config = upstream;
  const { clientFor, checkThere, model, explain } = await openUpstream(
    config,
    reports,
  );
  const dialect = dialectOf(model.ownedBy);
  const context = contextSize ?? model.contextSize;

  /** Begins an answer, as a stream. */
  async function begin(
    request: EngineRequest,
    { signal, onWaiting = () => undefined }: GenerateOptions,
  ): Promise<Response> {
    const { chat, completions } = clientFor(onWaiting);
    const answering = request.raw
      ? completions.create(completionBody(request, config.model, dialect), {
          signal,
        })
      : chat.completions.create(chatBody(request, config.model, dialect), {
          signal,
        });
    return await answering.asResponse();
  }

  async function generate(
    request: EngineRequest,
    options: GenerateOptions,
  ): Promise<EngineResult> {
    const { signal } = options;
    signal.throwIfAborted();
    const { params, continueFrom } = request;
    const begun = continueFrom ?? { text: "", tokens: 0 };
    if (begun.tokens >= params.max_tokens) return nothingToGenerate(begun);
    if (request.probe) return await probe();
    const seed = params.seed ?? randomInt(2 ** 32);
    const seeded = { ...request, params: { ...params, seed } };
    try {
      const response = await begin(seeded, options);
      const collected = await collect(
        chunksOf(response),
        begun.tokens,
        options,
      );
      signal.throwIfAborted();
      const { reasoning, ...rest } = collected;
      const text = begun.text + collected.text;
      const finishReason = finishOf(collected);
      if (finishReason === "stop") checkForm(text, params);
      return {
        ...rest,
        text,
        finishReason,
        seed,
        ...(reasoning !== "" && { reasoning }),
      };
    } catch (error) {
      signal.throwIfAborted();
      throw await failureOf(error);
    }
  }

  /** Tokens of an upstream may cost money: that it still answers is what can be known for nothing. */
  async function probe(): Promise<EngineResult> {
    await checkThere("a probe");
    return nothingToGenerate({ text: "", tokens: 0 });
  }

  /** Where the connection broke, the attempt ends as with an engine that died; otherwise the task does. */
  async function failureOf(error: unknown): Promise<Error> {
    if (error instanceof EngineError) return error;
    const type = invalid.has(statusOf(error) ?? 0)
      ? "ValidationError"
      : "RuntimeError";
    const verb = type === "ValidationError" ? "refused the request" : "failed";
    const message = `the upstream ${verb}: ${explain(error)}`;
    if (!(error instanceof BrokenOff))
      return new EngineError(type, message, { cause: error });
    await checkThere(message);
    return new EngineDied(message, { reason: "crash", stderrTail: message });
  }

  return {
    info: {
      slots,
      engine: "openai",
      ...(model.ownedBy !== undefined && { engineVersion: model.ownedBy }),
      ...(context !== undefined && { contextSize: context }),
    },
    generate,
  };
}

/** What an answer says, up to its `[DONE]`. Rejects with OddAnswer, or as `readEvents` does. */
async function* chunksOf({
  body,
  headers,
}: Response): AsyncGenerator<Delta, void> {
  let hasEvents = false;
  if (body !== null)
    for await (const { event, data } of readEvents(body)) {
      if (data.trim() === "") continue;
      hasEvents = true;
      const isEnd = data.trim() === "[DONE]";
      yield isEnd ? theEnd : readChunk(event, data);
      if (isEnd) return;
    }
  if (hasEvents) return;
  const type = headers.get("content-type") ?? "no content type";
  throw new OddAnswer(`it answered without an event, with ${type}`);
}

/** The text is whole, whether or not a reason was told. */
const theEnd: Delta = {
  text: "",
  reasoning: "",
  finish: "",
  usage: undefined,
};

function finishOf({
  finish,
  text,
  reasoning,
}: Collected): EngineResult["finishReason"] {
  if (finish === undefined)
    throw new OddAnswer("the stream ended before the text did");
  if (finish === "" && text + reasoning === "")
    throw new OddAnswer("it ended without a text and without a reason");
  const reason = finish.toLowerCase();
  if (failed.has(reason)) throw new OddAnswer(`it ended the text by ${reason}`);
  return cut.has(reason) ? "length" : "stop";
}

const nothingToGenerate = ({
  text,
  tokens,
}: {
  text: string;
  tokens: number;
}) => ({
  text,
  finishReason: "length" as const,
  promptTokens: 0,
  completionTokens: tokens,
  cachedTokens: 0,
});
