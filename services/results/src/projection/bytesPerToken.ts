/** What a token of text takes in the log: the 99.9th percentile over the latest outcomes. */
import type { RecordedEvent } from "@jetscribe/schema";

/** Less than the first no text takes; more than the last none can make the gateways keep. In bytes. */
const [least, most] = [4, 64];
/** One value is so much larger than the one before. */
const step = 1.05;
const percentile = 0.999;
/** So many outcomes are remembered in full; older ones count less and less. */
const window = 10_000;
/** Shorter texts say little. */
const fewestTokens = 8;
/** With fewer outcomes the value that was found earlier still counts. */
const enough = 100;

const stepOf = (bytes: number) =>
  Math.ceil(
    Math.log(Math.min(most, Math.max(least, bytes)) / least) / Math.log(step),
  );

/** As it stands in the event: newlines and quotes take two bytes there. */
const storedBytes = (text: string) => Buffer.byteLength(JSON.stringify(text));

/** `before`: what was found earlier, in bytes. */
export function makeBytesPerToken(before: number) {
  const counts = new Array<number>(stepOf(most) + 1).fill(0);
  let seen = 0;
  let found = before;

  function add(bytes: number): void {
    const at = stepOf(bytes);
    counts[at] = (counts[at] ?? 0) + 1;
    seen++;
    if (seen < window) return;
    seen = 0;
    counts.forEach((count, i) => {
      counts[i] = Math.floor(count / 2);
      seen += counts[i] ?? 0;
    });
  }

  /** The lowest step that all but a thousandth stay within. */
  function find(): number {
    let above = seen * (1 - percentile);
    for (let at = counts.length - 1; at > 0; at--) {
      above -= counts[at] ?? 0;
      if (above < 0) return least * step ** at;
    }
    return least;
  }

  return {
    /** Takes note of the texts among these events. */
    note(events: readonly RecordedEvent[]): void {
      let noted = false;
      for (const { type, data } of events) {
        if (type !== "GenerateCompleted") continue;
        const { completion_tokens } = data.metrics;
        if (completion_tokens < fewestTokens) continue;
        const { result, reasoning } = data;
        const bytes =
          storedBytes(result) + (reasoning ? storedBytes(reasoning) : 0);
        add(bytes / completion_tokens);
        noted = true;
      }
      if (!noted) return;
      const now = Math.round(find() * 100) / 100;
      found = seen < enough ? Math.max(found, now) : now;
    },
    /** Bytes. */
    get: () => found,
  };
}
