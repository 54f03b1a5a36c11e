/** One generation on one slot. */
import { randomInt } from "node:crypto";
import type { LlamaContextSequence, LlamaModel, Token } from "node-llama-cpp";
import type {
  EngineRequest,
  EngineResult,
  GenerateOptions,
} from "../engine.ts";
import { checkForm } from "../form.ts";
import type { Pause } from "./pause.ts";
import { noStops, type Prompt } from "./prompt.ts";
import { formOf, sampling } from "./sampling.ts";
import { makeTextStream } from "./textStream.ts";

/**
 * A prompt goes in by slices: one evaluation can't be interrupted, and the other slots wait for it. Smaller slices
 * than about 64 cost throughput.
 */
const sliceLength = 256;

/** Where a generation runs. */
export interface Place {
  model: LlamaModel;
  /** The slot's. */
  sequence: LlamaContextSequence;
  pause: Pause;
}

/**
 * Reads the prompt and what is begun, then writes up to `max_tokens`. The caller has checked that prompt and max_tokens
 * fit; a begun text may read as more tokens than it was written with, and then the context's end ends the text.
 */
export async function generate(
  { model, sequence, pause }: Place,
  prompt: Prompt,
  { params, continueFrom }: EngineRequest,
  { signal, onText, onRead }: GenerateOptions,
): Promise<EngineResult> {
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
  const { rest, cachedTokens } = await keepPrefix(sequence, all, pause);
  while (rest.length > sliceLength) {
    signal.throwIfAborted();
    await sequence.evaluateWithoutGeneratingNewTokens(
      rest.splice(0, sliceLength),
    );
    onRead?.();
    await pause.over();
  }
  signal.throwIfAborted();

  const seed = params.seed ?? randomInt(2 ** 32);
  const stops = params.ignore_eos ? noStops : prompt.stops;
  const form = await formOf(model.llama, params);
  const stream = makeTextStream(
    (tokens, special, before) => model.detokenize(tokens, special, before),
    [...stops.texts, ...(params.stop ?? []), ...form.stops],
    prompt.before,
  );
  const say = (piece: string) => {
    if (piece === "") return;
    text += piece;
    onText(piece, { promptTokens, completionTokens });
  };
  const written = [...prompt.begun];
  let finishReason: EngineResult["finishReason"] = "length";
  const options = sampling(model, params, { seed, form, written });
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
  }
  say(stream.end());
  if (finishReason === "stop") checkForm(text, params);
  return {
    text,
    finishReason,
    promptTokens,
    completionTokens,
    cachedTokens: Math.min(cachedTokens, promptTokens),
    seed,
  };
}

/**
 * Keeps what the slot has in common with the prompt, and removes the rest. The last token of the prompt is always
 * evaluated, since the first new one is sampled from its result.
 */
async function keepPrefix(
  sequence: LlamaContextSequence,
  tokens: readonly Token[],
  pause: Pause,
): Promise<{ rest: Token[]; cachedTokens: number }> {
  const all = tokens.slice(0, -1);
  const { firstDifferentIndex } = sequence.compareContextTokens(all);
  // Models with a sliding window or a recurrent state can't be cut back, only continued.
  const cut = () =>
    sequence.needsCheckpoints
      ? sequence.clearHistory()
      : sequence.adaptStateToTokens(all, false);
  if (firstDifferentIndex < sequence.nextTokenIndex) await pause.during(cut);
  const cachedTokens = sequence.nextTokenIndex;
  return { rest: tokens.slice(cachedTokens), cachedTokens };
}

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
