/**
 * The fake engine: a text made from the prompt at a fixed pace, for load and scheduler tests. With `fakeMs` 0 it sets
 * no timer, so that what is measured is everything else.
 */
import { randomInt } from "node:crypto";
import { setTimeout as sleep } from "node:timers/promises";
import {
  refuseOverlong,
  type BegunText,
  type Engine,
  type EngineConfig,
  type EngineRequest,
  type EngineResult,
  type GenerateOptions,
} from "../engine.ts";
import { fakeText, seedOf } from "./fakeText.ts";

/** More than any real model has, and room for the longest prompt that the gateway takes. */
const defaultContextSize = 4_194_304;
const nothing: BegunText = { text: "", tokens: 0 };
/** Words are sent at most this often; more of them go together. */
const tickMs = 5;

/** Makes the fake engine; it is ready at once. */
export function makeFakeEngine(config: EngineConfig): Engine {
  const { fakeMs, fakeTokens, slots = 64 } = config;
  const { contextSize = defaultContextSize } = config;

  async function generate(
    request: EngineRequest,
    { signal, onText }: GenerateOptions,
  ): Promise<EngineResult> {
    signal.throwIfAborted();
    const { max_tokens, seed, ignore_eos } = request.params;
    const { text: begun, tokens: first } = request.continueFrom ?? nothing;
    const promptTokens = fakeTokensOf(request);
    refuseOverlong(promptTokens, max_tokens, contextSize);
    const length = ignore_eos ? max_tokens : fakeTokens;
    const count = Math.max(first, Math.min(length, max_tokens));
    const textSeed = seedOf(request);
    let text = begun;
    const say = (from: number, to: number) => {
      if (from === to) return;
      const piece = fakeText(textSeed, from, to);
      text += piece;
      onText(piece, { promptTokens, completionTokens: to });
    };
    const msPerToken = request.probe ? 0 : fakeMs / fakeTokens;
    if (msPerToken === 0) say(first, count);
    else await speakSlowly(first, count, msPerToken, say, signal);
    return {
      text,
      finishReason: ignore_eos || count < fakeTokens ? "length" : "stop",
      promptTokens,
      completionTokens: count,
      cachedTokens: 0,
      seed: seed ?? randomInt(2 ** 32),
    };
  }

  return { info: { slots, contextSize, engine: "fake" }, generate };
}

/** A quarter of the characters, at least 1: the rule of thumb for English. */
function fakeTokensOf({ prompt, messages }: EngineRequest): number {
  const chars =
    prompt?.length ??
    messages?.reduce((sum, { content }) => sum + content.length, 0) ??
    0;
  return Math.max(1, chars >> 2);
}

async function speakSlowly(
  first: number,
  count: number,
  msPerToken: number,
  say: (from: number, to: number) => void,
  signal: AbortSignal,
): Promise<void> {
  const start = performance.now() - first * msPerToken;
  for (let spoken = first; spoken < count;) {
    // By the clock since the start and not step by step, so that late timers do not add up.
    const next = start + (spoken + 1) * msPerToken - performance.now();
    await sleep(Math.max(next, tickMs), undefined, { signal }).catch(() =>
      signal.throwIfAborted(),
    );
    const due = Math.floor((performance.now() - start) / msPerToken);
    const last = Math.min(count, due);
    say(spoken, last);
    spoken = Math.max(spoken, last);
  }
}
