/** The pieces of one text on their way out of the engine's process: a message costs far more than a token. */
import type { TokenCounts } from "./engine.ts";

export interface Pieces {
  say: (text: string, counts: TokenCounts) => void;
  /** Sends what has gathered. */
  flush: () => void;
}

/** Well below the time between two chunks of live text. */
const everyMs = 5;

/** The first piece goes at once, what comes soon after one gathers. */
export function gatherPieces(send: Pieces["say"]): Pieces {
  let text = "";
  let latest: TokenCounts | undefined;
  let sentAt = -Infinity;
  let timer: NodeJS.Timeout | undefined;

  function flush(): void {
    clearTimeout(timer);
    timer = undefined;
    if (latest === undefined) return;
    const [gathered, counts] = [text, latest];
    [text, latest] = ["", undefined];
    sentAt = performance.now();
    send(gathered, counts);
  }

  return {
    say(piece, counts) {
      text += piece;
      latest = counts;
      const dueIn = sentAt + everyMs - performance.now();
      if (dueIn <= 0) flush();
      else timer ??= setTimeout(flush, dueIn);
    },
    flush,
  };
}
