/**
 * Long texts to tokens, the same that the library makes of them, without standing in the way of the neighbours: all
 * generations share the thread that tokenizes. Many special tokens take the library a time that grows with their
 * square, which slices bound too.
 */
import type {
  BuiltinSpecialTokenValue,
  LlamaModel,
  LlamaText,
  Token,
  Tokenizer,
} from "node-llama-cpp";
import { setImmediate as nextTurn } from "node:timers/promises";
import type { Vocabulary } from "./vocabulary.ts";

/** UTF-16 code units; some milliseconds of work. */
const sliceLength = 2 ** 14;

/** A text that was cut where its tokens can change has so many fewer at most, for each cut: far more than was seen. */
const doubtPerCut = 256;

/** A call of the library's tokenizer, or what came of one that takes no time. */
type Step =
  | { text: string; special: boolean; options: "trimLeadingSpace" | undefined }
  | { tokens: Token[] };

export interface Reading {
  /** Told now and then how many tokens there are at least; throws where these are too many. */
  refuseFrom: (atLeast: number) => void;
  signal: AbortSignal;
}

export function makeTokenizer(
  model: Pick<LlamaModel, "tokenize" | "tokenizer">,
  { borderIn }: Pick<Vocabulary, "borderIn">,
) {
  /** As `text.tokenize(model.tokenizer)`. */
  async function tokenize(text: LlamaText, reading: Reading): Promise<Token[]> {
    const { length } = text.toString();
    if (length <= sliceLength) return text.tokenize(model.tokenizer);
    const tokens: Token[] = [];
    for (const step of stepsOf(text)) {
      const refuseFrom = (atLeast: number) =>
        reading.refuseFrom(tokens.length + atLeast);
      const more =
        "tokens" in step
          ? step.tokens
          : await tokensOf(step, { ...reading, refuseFrom });
      for (const token of more) tokens.push(token);
    }
    return tokens;
  }

  /** What the library would do, without what takes its time. */
  function stepsOf(text: LlamaText): Step[] {
    const steps: Step[] = [];
    const note = (
      text: string,
      special: boolean | "builtin" = false,
      options?: "trimLeadingSpace",
    ): Token[] => {
      if (special === "builtin") {
        const tokens = model.tokenize(
          text as BuiltinSpecialTokenValue,
          special,
        );
        steps.push({ tokens });
        return tokens;
      }
      if (text !== "") steps.push({ text, special, options });
      return text === "" ? [] : somethings;
    };
    text.tokenize(note as Tokenizer);
    return steps;
  }

  async function tokensOf(
    { text, special, options }: Extract<Step, { text: string }>,
    { refuseFrom, signal }: Reading,
  ): Promise<Token[]> {
    const tokens: Token[] = [];
    let doubtfulCuts = 0;
    for (let from = 0, to; from < text.length; from = to) {
      const cut = cutBehind(text, from + sliceLength, special);
      to = cut.at;
      const trim = from === 0 ? options : undefined;
      for (const token of model.tokenize(text.slice(from, to), special, trim))
        tokens.push(token);
      if (!cut.exact) doubtfulCuts += 1;
      refuseFrom(tokens.length - doubtfulCuts * doubtPerCut);
      await nextTurn();
      signal.throwIfAborted();
    }
    return doubtfulCuts === 0 ? tokens : model.tokenize(text, special, options);
  }

  function cutBehind(text: string, place: number, special: boolean) {
    if (place >= text.length) return { at: text.length, exact: true };
    const border = borderIn(text.slice(place, place + sliceLength), special);
    if (border !== undefined) return { at: place + border, exact: true };
    const splitsCharacter = /[\uDC00-\uDFFF]/.test(text.charAt(place));
    return { at: splitsCharacter ? place + 1 : place, exact: false };
  }

  return tokenize;
}

/** Of a text there is always some token. */
const somethings = [0 as Token];
