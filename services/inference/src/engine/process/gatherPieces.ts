/**
 * The pieces of all texts on their way out of the engine's process: a message costs far more than a token, and the tokens
 * of one step come together.
 */
import type { TokenCounts } from "../engine.ts";

/** As the chunks of live text: what comes sooner only waits there. */
const everyMs = 20;

/**
 * A text's first piece goes at the end of this turn of the event loop, and what has gathered of the others with it; what
 * comes soon after gathers.
 */
export function gatherPieces(
  send: (id: number, text: string, counts: TokenCounts) => void,
) {
  let gathered = new Map<number, { text: string; counts: TokenCounts }>();
  let sentAt = -Infinity;
  let soon: NodeJS.Immediate | undefined;
  let later: NodeJS.Timeout | undefined;

  /** Sends what has gathered of all texts. */
  function flush(): void {
    clearImmediate(soon);
    clearTimeout(later);
    [soon, later] = [undefined, undefined];
    if (gathered.size === 0) return;
    const pieces = gathered;
    gathered = new Map();
    sentAt = performance.now();
    for (const [id, { text, counts }] of pieces) send(id, text, counts);
  }

  function flushIn(ms: number): void {
    // Not at once: the other texts of the same step are said in the same turn.
    if (ms <= 0) soon ??= setImmediate(flush);
    else later ??= setTimeout(flush, ms);
  }

  /** Takes the pieces of one text. */
  function of(id: number) {
    let isFirst = true;
    return (text: string, counts: TokenCounts): void => {
      const before = gathered.get(id)?.text ?? "";
      gathered.set(id, { text: before + text, counts });
      flushIn(isFirst ? 0 : sentAt + everyMs - performance.now());
      isFirst = false;
    };
  }

  return { of, flush };
}
