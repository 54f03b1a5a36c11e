/**
 * Drafts by prompt lookup: where the latest tokens stood before in the prompt or the answer, the tokens that followed
 * them there probably follow here too.
 */
import type { Token } from "node-llama-cpp";

export interface Drafts {
  /** How many tokens in a row were as guessed; undefined: nothing is guessed. */
  readonly streak: number | undefined;
  /** The next tokens as guessed, so many at most. */
  guess: (count: number) => Token[];
  /** The next token, as it is. */
  take: (token: Token) => void;
}

/** So many of the latest tokens are looked up. */
const lookedUp = 3;
/** After so many right guesses in a row a wrong one is a token that was replaced: the text goes on as before behind it. */
const copiedFrom = 4;
/** Of the table of places: as small as may be, so that few displace each other. */
const leastBits = 12;
const mostBits = 18;

/** `tokens`: the prompt; `most`: so many tokens may follow it. */
export function makeDrafts(tokens: readonly Token[], most: number): Drafts {
  const text = [...tokens];
  const length = text.length + most;
  const wanted = Math.ceil(Math.log2(2 * length + 1));
  const bits = Math.min(mostBits, Math.max(leastBits, wanted));
  /** By the hash of the tokens before it: a place in the text. A later one displaces an earlier one. */
  const places = new Int32Array(2 ** bits);
  /** Where the next token is expected to stand. */
  let source: number | undefined;
  let streak = 0;

  const hash = (end: number): number =>
    (Math.imul(text[end - 1]!, 0x9e3779b1) ^
      Math.imul(text[end - 2]!, 0x85ebca6b) ^
      Math.imul(text[end - 3]!, 0xc2b2ae35)) >>>
    (32 - bits);

  function isSame(place: number, end: number): boolean {
    for (let n = 1; n <= lookedUp; n++)
      if (text[place - n] !== text[end - n]) return false;
    return true;
  }

  /** The place after the same tokens, if there is one; what is looked up next time is this one. */
  function lookUp(end: number): number | undefined {
    if (end < lookedUp) return undefined;
    const key = hash(end);
    const place = places[key]!;
    places[key] = end;
    return place > 0 && isSame(place, end) ? place : undefined;
  }

  for (let end = lookedUp; end < text.length; end++) places[hash(end)] = end;
  source = lookUp(text.length);

  return {
    get streak() {
      return source === undefined ? undefined : streak;
    },
    guess(count) {
      const guessed: Token[] = [];
      if (source !== undefined)
        // Past the end of the text it reads on in what it guesses: the text repeats itself.
        while (guessed.length < count) {
          const at = source + guessed.length;
          guessed.push(text[at] ?? guessed[at - text.length]!);
        }
      return guessed;
    },
    take(token) {
      const right = source !== undefined && text[source] === token;
      text.push(token);
      const found = lookUp(text.length);
      if (right) source! += 1;
      else source = found ?? (streak >= copiedFrom ? source! + 1 : undefined);
      streak = right ? streak + 1 : 0;
    },
  };
}
