/**
 * Drafts by a small model with the same vocabulary, in a context of its own: it reads what the answers have by now, and
 * writes its likeliest tokens after that, one batch for all answers at a time.
 */
import type { Token } from "node-llama-cpp";
import type { Native } from "../internals.ts";
import type { Owner } from "../sequence.ts";
import { makeCells } from "./cells.ts";
import type { Drafts } from "./drafts.ts";

export interface DraftModel {
  /** The drafts of this owner's answer in this sequence, whose prompt is `tokens`. */
  begin: (sequence: number, tokens: readonly Token[], owner: Owner) => Drafts;
  /**
   * Makes the guesses that `guess` then gives. A text that has grown by much since it was last drafted is only read on,
   * so many tokens of all texts together, and then it resolves to false. Rejects where the native part failed.
   */
  draft: (
    wishes: readonly DraftWish[],
    limits: { tokens: number; threads: number },
  ) => Promise<boolean>;
}

export interface DraftWish {
  sequence: number;
  /** How many tokens. */
  count: number;
}

/** A text that lacks more tokens than this in the draft model's cells is read before it is drafted. */
const atHand = 16;

/** Each sequence of the main model's context has one of the same number here. */
interface Text {
  tokens: Token[];
  owner: Owner;
  /** What is guessed to come next. */
  guesses: Token[];
}

/** `vocabulary`: the tokens below it are the same in both models. */
export function makeDraftModel(
  native: Native,
  sequences: number,
  vocabulary: number,
): DraftModel {
  const sampler = native.makeSampler({
    ...{ temperature: 0, topK: 0, topP: 1, minP: 0, seed: 0 },
  });
  const cells = Array.from({ length: sequences }, (_, number) =>
    makeCells(native, number),
  );
  const texts = new Map<number, Text>();

  /** Decodes these tokens of each sequence; the likeliest token after them. */
  async function decode(
    shares: readonly { sequence: number; tokens: readonly Token[] }[],
  ): Promise<Token[]> {
    try {
      const { logits, done } = native.decode(
        shares.map(({ sequence, tokens }) => ({
          ...{ sequence, position: cells[sequence]!.length, tokens },
          drafted: 0,
        })),
      );
      const sampled = logits.map((index) => native.sample(index, sampler));
      // Nothing may touch the cells while the native part is at work.
      await Promise.allSettled([done, ...sampled]);
      await done;
      for (const { sequence, tokens } of shares) cells[sequence]!.add(tokens);
      return await Promise.all(sampled);
    } catch (error) {
      for (const { sequence } of shares) cells[sequence]!.forget();
      throw error;
    }
  }

  /** Removes from the cells what the text has not; what of the text they lack then, the last token at least. */
  function lackedBy(sequence: number): Token[] {
    const { tokens, owner } = texts.get(sequence)!;
    const wish = { tokens, owner, goesOn: true };
    return tokens.slice(cells[sequence]!.keep(wish));
  }

  return {
    begin(sequence, prompt, owner) {
      const text: Text = { tokens: [...prompt], owner, guesses: [] };
      let isShared = prompt.every((token) => token < vocabulary);
      let streak = 0;
      texts.set(sequence, text);
      return {
        get streak() {
          return isShared ? streak : undefined;
        },
        guess: (count) => text.guesses.slice(0, count),
        take(token) {
          text.tokens.push(token);
          isShared &&= token < vocabulary;
          const guessed = text.guesses.shift();
          if (guessed === token) streak += 1;
          else if (guessed !== undefined) {
            streak = 0;
            text.guesses = [];
          }
        },
      };
    },

    async draft(wishes, limits) {
      const wished = wishes.filter(({ count }) => count > 0);
      if (wished.length === 0) return true;
      native.setThreads(limits.threads);
      let shares = wished.map(({ sequence, count }) => ({
        ...{ sequence, count, tokens: lackedBy(sequence) },
      }));
      const late = shares.filter(({ tokens }) => tokens.length > atHand);
      if (late.length > 0) {
        const most = Math.min(limits.tokens, native.batchSize);
        const each = Math.max(1, Math.floor(most / late.length));
        await decode(
          late.map(({ sequence, tokens }) => {
            // The last one is left: what follows it is guessed when it is drafted.
            return { sequence, tokens: tokens.slice(0, -1).slice(0, each) };
          }),
        );
        return false;
      }
      while (shares.length > 0) {
        const guessed = await decode(shares);
        shares = shares.flatMap(({ sequence, count }, i) => {
          const token = guessed[i]!;
          const { guesses } = texts.get(sequence)!;
          if (token >= vocabulary || guesses.push(token) === count) return [];
          return [{ sequence, count, tokens: [token] }];
        });
      }
      return true;
    },
  };
}
