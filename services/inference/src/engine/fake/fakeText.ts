/**
 * The text of the fake engine: a function of the prompt and of the word's index alone, so that a test can compute it
 * and sees a text that was swapped, cut or repeated. Every word has four letters.
 */
import type { EngineRequest } from "../engine.ts";

const consonants = [..."bdfghklmnprstvwz"];
const vowels = [..."aeio"];
const syllables = consonants.flatMap((consonant) =>
  vowels.map((vowel) => consonant + vowel),
);

/** A hash of what was asked (FNV-1a over its UTF-16 code units). */
export function seedOf({
  prompt,
  messages = [],
}: Pick<EngineRequest, "prompt" | "messages">): number {
  const text = prompt ?? messages.map(({ content }) => content).join("\n");
  let hash = 0x811c9dc5;
  for (let i = 0; i < text.length; i++)
    hash = Math.imul(hash ^ text.charCodeAt(i), 0x01000193);
  return hash;
}

/** The words from the first-th to before the last-th; all but the very first with a space before them. */
export function fakeText(seed: number, first: number, last: number): string {
  let text = "";
  for (let n = first; n < last; n++)
    text += n === 0 ? wordAt(seed, n) : ` ${wordAt(seed, n)}`;
  return text;
}

function wordAt(seed: number, n: number): string {
  let mixed = Math.imul(seed ^ n, 0x9e3779b1);
  mixed = Math.imul(mixed ^ (mixed >>> 15), 0x85ebca6b);
  mixed ^= mixed >>> 13;
  return `${syllables[mixed & 63]}${syllables[(mixed >>> 6) & 63]}`;
}
