/** Chooses the tokens that follow what one sequence has in a batch. */
import type { Token } from "node-llama-cpp";
import type { Native } from "../internals.ts";
import type { Sampling } from "../sequence.ts";
import type { Running } from "./running.ts";

export interface Share {
  task: Running;
  tokens: readonly Token[];
  /** How many of the tokens, at their end, are guessed. */
  drafted: number;
}

/** The tokens that the sampler chose, and how it failed after them. */
export interface Sampled {
  tokens: Token[];
  error?: { reason: unknown };
}

/** The next token, and where it is as guessed the one after it, and so on: the sampler never takes one back. */
export async function sampleShare(
  native: Pick<Native, "sample">,
  share: Share,
  logitsAt: number,
): Promise<Sampled> {
  const { sampler, work } = share.task;
  const sampleAt = (place: number) => native.sample(logitsAt + place, sampler);
  const guessed = share.tokens.slice(share.tokens.length - share.drafted);
  const tokens: Token[] = [];
  try {
    // The way to the thread that samples and back costs more than the likeliest token.
    const all = remembersNothing(work.sampling)
      ? await Promise.allSettled(
          [...guessed.keys(), guessed.length].map(sampleAt),
        )
      : undefined;
    for (let i = 0; i <= guessed.length; i++) {
      const result = all?.[i];
      if (result?.status === "rejected") throw result.reason;
      tokens.push(result?.value ?? (await sampleAt(i)));
      if (tokens[i] !== guessed[i]) break;
    }
  } catch (reason) {
    return { tokens, error: { reason } };
  }
  return { tokens };
}

/** Then tokens can be sampled that are thrown away. */
const remembersNothing = ({ temperature, penalties, grammar }: Sampling) =>
  temperature === 0 && penalties === undefined && grammar === undefined;
