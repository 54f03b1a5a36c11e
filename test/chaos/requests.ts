/** The mix of requests that a seed decides. */
import { fakeTokens } from "./fleet.ts";
import type { Random } from "./random.ts";

/**
 * - short, long: waited for, or fetched in the end
 * - streamed: its text is read as it comes, however often the connection breaks
 * - cancelled: before it starts, while it runs, or after its end
 * - too_slow: it would run past TASK_TIMEOUT
 * - hurried: it may wait only so long to be started, and some of them never long enough
 * - too_long: it doesn't fit the engine's context
 * - invalid: refused with a 400
 * - poison: the harness kills the engine at each of its starts
 */
export type Kind =
  | "short"
  | "long"
  | "streamed"
  | "cancelled"
  | "too_slow"
  | "hurried"
  | "too_long"
  | "invalid"
  | "poison";

export interface Wanted {
  kind: Kind;
  /** In the prompt: tells which call a request in the log came from. */
  number: number;
  body: Record<string, unknown>;
}

const shares: [Kind, number][] = [
  ["short", 50],
  ["long", 14],
  ["streamed", 14],
  ["cancelled", 10],
  ["invalid", 6],
  ["too_long", 3],
  ["hurried", 4],
  ["too_slow", 0.5],
  ["poison", 0.5],
];

export function nextRequest(number: number, random: Random): Wanted {
  const kind = pickKind(random);
  const prompt = `chaos ${number} ${"words ".repeat(random.int(0, 40))}`;
  const body = { prompt, max_tokens: tokensOf(kind, random) };
  return { kind, number, body: { ...body, ...changesOf(kind, body, random) } };
}

/** The number of the call that a prompt was made for. */
export const numberOf = (prompt: unknown): number =>
  Number(/^chaos (\d+) /.exec(String(prompt))?.[1] ?? NaN);

function pickKind(random: Random): Kind {
  let left = random.float() * shares.reduce((sum, [, share]) => sum + share, 0);
  for (const [kind, share] of shares) if ((left -= share) < 0) return kind;
  return "short";
}

function tokensOf(kind: Kind, random: Random): number {
  if (kind === "short") return random.int(1, 8);
  if (kind === "too_slow") return fakeTokens;
  return random.int(20, 120);
}

function changesOf(
  kind: Kind,
  { prompt }: { prompt: string },
  random: Random,
): Record<string, unknown> {
  // Fake tokens are four characters each: this is over CONTEXT_SIZE.
  if (kind === "too_long") return { prompt: prompt + "x".repeat(40_000) };
  if (kind === "hurried")
    return { start_timeout_ms: random.pick([1, random.int(2, 3_000)]) };
  if (kind !== "invalid") return {};
  return random.pick<Record<string, unknown>>([
    { max_tokens: 0 },
    { temperature: 7 },
    { prompt: 12 },
    { surprise: true },
  ]);
}
