/** What a model's vocabulary says about texts before they are tokenized; found once, when the model is loaded. */
import { LlamaVocabularyType, type LlamaModel } from "node-llama-cpp";

export interface Vocabulary {
  /** UTF-16 code units that one token stands for at most; Infinity where a token can stand for a text of any length. */
  longestToken: number;
  /**
   * The first place in a text at which it can be cut so that both parts together have the tokens of the whole;
   * undefined: none is known. `special`: special tokens are read as such.
   */
  borderIn: (text: string, special: boolean) => number | undefined;
}

export function readVocabulary(model: LlamaModel): Vocabulary {
  const { bpe, spm } = LlamaVocabularyType;
  const type = model.vocabularyType;
  const found = readTokens(model);
  return {
    // The others leave characters out, or have one token for whatever they don't know. One more: SPM's leading space.
    longestToken:
      type === bpe || type === spm ? found.longestToken + 1 : Infinity,
    borderIn: type === bpe ? makeBorderIn(found) : () => undefined,
  };
}

interface Found {
  longestToken: number;
  /** A token can stand for the end of a word together with the space behind it. */
  spansWords: boolean;
  /** A token takes the white space around it away. */
  strips: boolean;
  /** Texts that are tokens of their own wherever they stand. */
  specialTexts: string[];
}

function readTokens(model: LlamaModel): Found {
  const found: Found = {
    ...{ longestToken: 0, spansWords: false, strips: false },
    specialTexts: [],
  };
  for (const token of model.iterateAllTokens()) {
    const text = model.detokenize([token], true);
    const { control, userDefined, unknown, lstrip, rstrip } =
      model.getTokenAttributes(token);
    found.longestToken = Math.max(found.longestToken, text.length);
    found.spansWords ||= /\S /.test(text);
    found.strips ||= lstrip || rstrip;
    if ((control || userDefined || unknown) && text !== "")
      found.specialTexts.push(text);
  }
  return found;
}

/**
 * BPE puts neighbouring tokens together only where the vocabulary has the result. So where no token spans two words,
 * what is before the space between them has no influence on what comes after it. And a special token is taken out of
 * the text before that, if no other one can begin within it.
 */
export function makeBorderIn({
  spansWords,
  strips,
  specialTexts,
}: Omit<Found, "longestToken">): Vocabulary["borderIn"] {
  const betweenWords =
    spansWords || strips ? nowhere : /[\p{L}\p{N}](?= \p{L})/u;
  const firsts = new Set(specialTexts.map(([first]) => first));
  const overlap = specialTexts.some(([, ...rest]) =>
    rest.some((character) => firsts.has(character)),
  );
  const behindSpecial =
    overlap || strips || specialTexts.length === 0
      ? nowhere
      : new RegExp(
          `(?:${specialTexts.map((text) => RegExp.escape(text)).join("|")})(?=\\S)`,
          "u",
        );
  return (text, special) => {
    const borders = special ? [betweenWords, behindSpecial] : [betweenWords];
    const first = Math.min(...borders.map((border) => endOf(border, text)));
    return first === Infinity ? undefined : first;
  };
}

const nowhere = /(?!)/;

function endOf(border: RegExp, text: string): number {
  const match = border.exec(text);
  return match === null ? Infinity : match.index + match[0].length;
}
