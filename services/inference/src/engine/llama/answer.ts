/** The answer as its tokens come: what was written, its text in pieces, and where it ends. */
import { hasForm, type GenerateParams } from "@jetscribe/schema";
import type { LlamaModel, Token } from "node-llama-cpp";
import type { EngineResult, GenerateOptions } from "../engine.ts";
import { noStops, type Prompt, type Stops } from "./prompt.ts";
import { makeTextStream } from "./textStream.ts";

export interface Answer {
  /** The tokens of the answer so far, those that were begun too. */
  written: readonly Token[];
  /** Takes the next token, and gives its text to `onText`; false: the answer is complete. */
  take: (token: Token) => boolean;
  /** Gives what was held back; to be called once, after the last token. */
  end: () => Pick<EngineResult, "text" | "finishReason" | "completionTokens">;
}

/** Goes on from `begun`; `most`: tokens that the answer may have, those of `begun` too. */
export function makeAnswer(
  model: Pick<LlamaModel, "detokenize" | "isEogToken">,
  prompt: Prompt,
  params: GenerateParams,
  {
    begun,
    most,
    onText,
  }: {
    begun: { text: string; tokens: number };
    most: number;
    onText: GenerateOptions["onText"];
  },
): Answer {
  const promptTokens = prompt.tokens.length;
  let { text, tokens: completionTokens } = begun;
  const stops = templateStops(prompt, params);
  const stream = makeTextStream(
    (tokens, special, before) => model.detokenize(tokens, special, before),
    [...stops.texts, ...(params.stop ?? [])],
    prompt.before,
  );
  const written = [...prompt.begun];
  let finishReason: EngineResult["finishReason"] = "length";

  function say(piece: string): void {
    if (piece === "") return;
    text += piece;
    onText(piece, { promptTokens, completionTokens });
  }

  function take(token: Token): boolean {
    const isEnd = !params.ignore_eos && model.isEogToken(token);
    if (isEnd || endsWithOne(stops.tokens, written, token)) {
      finishReason = "stop";
      return false;
    }
    written.push(token);
    completionTokens += 1;
    say(stream.push(token));
    if (stream.stopped) finishReason = "stop";
    return !stream.stopped && completionTokens < most;
  }

  return {
    written,
    take,
    end() {
      say(stream.end());
      return { text, finishReason, completionTokens };
    },
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
