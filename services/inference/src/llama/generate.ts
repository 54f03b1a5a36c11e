/** One generation on one slot. */
import { randomInt } from "node:crypto";
import { hasForm, type GenerateParams } from "@jetscribe/schema";
import type { LlamaContextSequence, LlamaModel, Token } from "node-llama-cpp";
import type {
  EngineRequest,
  EngineResult,
  GenerateOptions,
} from "../engine.ts";
import type { BiasOf } from "./bias.ts";
import type { Steps } from "./inStep.ts";
import type { Pause } from "./pause.ts";
import { noStops, type Prompt, type Stops } from "./prompt.ts";
import { readPrompt } from "./readPrompt.ts";
import { grammarFor, sampling } from "./sampling.ts";
import { makeTextStream } from "./textStream.ts";

/** Where a generation runs. */
export interface Place {
  model: LlamaModel;
  /** The slot's. */
  sequence: LlamaContextSequence;
  number: number;
  biasOf: BiasOf;
  pause: Pause;
  steps: Steps;
}

/**
 * Reads the prompt and what is begun, then writes up to `max_tokens`. The caller has checked that prompt and max_tokens
 * fit; a begun text may read as more tokens than it was written with, and then the context's end ends the text.
 */
export async function generate(
  place: Place,
  prompt: Prompt,
  { params, continueFrom }: EngineRequest,
  { signal, onText, onRead }: GenerateOptions,
): Promise<EngineResult> {
  const { model, sequence, number, biasOf, pause, steps } = place;
  const promptTokens = prompt.tokens.length;
  const all = [...prompt.tokens, ...prompt.begun];
  let completionTokens = continueFrom?.tokens ?? 0;
  const most = Math.min(
    params.max_tokens,
    completionTokens + sequence.contextSize - all.length,
  );
  let text = continueFrom?.text ?? "";
  if (completionTokens >= most) {
    const finishReason = "length";
    return {
      text,
      finishReason,
      promptTokens,
      completionTokens,
      cachedTokens: 0,
    };
  }
  const goesOn = continueFrom !== undefined;
  const reading = { goesOn, signal, onRead };
  const { rest, cachedTokens } = await readPrompt(place, all, reading);

  const seed = params.seed ?? randomInt(2 ** 32);
  const grammar = await grammarFor(model.llama, params);
  const stops = templateStops(prompt, params);
  const stream = makeTextStream(
    (tokens, special, before) => model.detokenize(tokens, special, before),
    [...stops.texts, ...(params.stop ?? [])],
    prompt.before,
  );
  const say = (piece: string) => {
    if (piece === "") return;
    text += piece;
    onText(piece, { promptTokens, completionTokens });
  };
  const written = [...prompt.begun];
  let finishReason: EngineResult["finishReason"] = "length";
  const options = sampling(model, params, { seed, grammar, biasOf, written });
  // From its second token on: its prompt is read apart from the others' tokens.
  using step = steps.member(number);
  for await (const token of sequence.evaluate(rest, options)) {
    signal.throwIfAborted();
    const isEnd = !params.ignore_eos && model.isEogToken(token);
    if (isEnd || endsWithOne(stops.tokens, written, token)) {
      finishReason = "stop";
      break;
    }
    written.push(token);
    completionTokens += 1;
    say(stream.push(token));
    if (stream.stopped) {
      finishReason = "stop";
      break;
    }
    if (completionTokens >= most) break;
    const paused = pause.over();
    if (paused !== undefined) await paused;
    await step.next();
  }
  say(stream.end());
  return {
    text,
    finishReason,
    promptTokens,
    completionTokens,
    cachedTokens: Math.min(cachedTokens, promptTokens),
    seed,
  };
}

/** What of the chat template ends the text. A grammar says itself where it ends, and such a text may be a part of it. */
export const templateStops = (
  { stops }: Pick<Prompt, "stops">,
  params: GenerateParams,
): Stops => (params.ignore_eos || hasForm(params) ? noStops : stops);

/** Whether the written tokens and this one end with one of the sequences. */
export const endsWithOne = (
  sequences: readonly Token[][],
  written: readonly Token[],
  token: Token,
): boolean =>
  sequences.some(
    (sequence) =>
      sequence.at(-1) === token &&
      sequence
        .slice(0, -1)
        .every(
          (part, i) =>
            part === written[written.length - sequence.length + 1 + i],
        ),
  );
