/**
 * The engine behind the port: any server that speaks OpenAI's API (vLLM, llama-server, Ollama …). Where it is gone,
 * this process ends, so that the worker's own rules decide about its tasks, and the next one waits until it is back.
 * An answer that is odd or breaks off while the upstream is there costs its own attempt only.
 */
import { randomInt } from "node:crypto";
import {
  EngineDied,
  EngineError,
  type BegunText,
  type Engine,
  type EngineConfig,
  type EngineRequest,
  type EngineResult,
  type GenerateOptions,
} from "../engine.ts";
import { checkForm } from "../checkForm.ts";
import { collect } from "./collect.ts";
import { chatBody, completionBody, dialectOf } from "./requestBody.ts";
import { BrokenOff } from "./readEvents.ts";
import { openUpstream, statusOf, type UpstreamReports } from "./upstream.ts";

const defaultSlots = 16;
/** By these an upstream says that the request itself is wrong: too long a prompt, an option that it doesn't take. */
const invalid = new Set([400, 413, 422]);

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
      const collected = await collect(response, begun.tokens, options);
      signal.throwIfAborted();
      const text = begun.text + collected.text;
      if (collected.finishReason === "stop") checkForm(text, params);
      return { ...collected, text, seed };
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

const nothingToGenerate = ({ text, tokens }: BegunText) => ({
  text,
  finishReason: "length" as const,
  promptTokens: 0,
  completionTokens: tokens,
  cachedTokens: 0,
});
