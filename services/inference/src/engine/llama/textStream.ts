/** From tokens to text: whole characters only, and nothing that may be the beginning of a stop text. */
import type { Token } from "node-llama-cpp";

/** The part of a model that this needs. */
export type Detokenize = (
  tokens: readonly Token[],
  special: boolean,
  before: readonly Token[],
) => string;

/** A character has at most four bytes, each of which may be a token; what takes longer is broken for good. */
const mostTokensOfACharacter = 4;
/** So many tokens before decide how the next ones read. */
const tokensOfContext = 4;
/** How an incomplete character reads. */
const incomplete = /\uFFFD+$/;

/**
 * Takes tokens one by one and gives the text that is certain by then. `stopped` turns true when a stop text was
 * met; it and what follows are never given.
 */
export function makeTextStream(
  detokenize: Detokenize,
  stopTexts: readonly string[],
  before: readonly Token[] = [],
) {
  let context = [...before];
  /** From the last place where a token and a character ended together. */
  let pending: Token[] = [];
  /** How much of the pending tokens' text was given. */
  let given = 0;
  /** Tokens since the last whole character. */
  let waiting = 0;
  let held = "";
  let stopped = false;

  /** The new text of the pending tokens, without a last character that is still incomplete. */
  function decode(): string {
    const text = detokenize(pending, false, context);
    const whole = text.replace(incomplete, "").length;
    waiting = whole > given ? 0 : waiting + 1;
    if (whole === text.length || waiting >= mostTokensOfACharacter) {
      const rest = text.slice(given);
      context = [...context, ...pending].slice(-tokensOfContext);
      [pending, given, waiting] = [[], 0, 0];
      return rest;
    }
    const rest = text.slice(given, whole);
    given = whole;
    return rest;
  }

  function release(final: boolean): string {
    const stop = firstStop(held, stopTexts);
    if (stop !== undefined) {
      stopped = true;
      const text = held.slice(0, stop);
      held = "";
      return text;
    }
    const keep = final ? 0 : possibleStop(held, stopTexts);
    const text = held.slice(0, held.length - keep);
    held = held.slice(held.length - keep);
    return text;
  }

  return {
    get stopped() {
      return stopped;
    },
    push(token: Token): string {
      pending.push(token);
      held += decode();
      return release(false);
    },
    /** The rest, when no token comes any more. A character that is still incomplete is dropped. */
    end: (): string => (stopped ? "" : release(true)),
  };
}

function firstStop(
  text: string,
  stopTexts: readonly string[],
): number | undefined {
  let first: number | undefined;
  for (const stop of stopTexts) {
    const at = text.indexOf(stop);
    if (at >= 0 && (first === undefined || at < first)) first = at;
  }
  return first;
}

/** How many characters at the end of the text may turn out to be the beginning of a stop text. */
function possibleStop(text: string, stopTexts: readonly string[]): number {
  let most = 0;
  for (const stop of stopTexts)
    for (let n = Math.min(stop.length - 1, text.length); n > most; n--)
      if (text.endsWith(stop.slice(0, n))) most = n;
  return most;
}
