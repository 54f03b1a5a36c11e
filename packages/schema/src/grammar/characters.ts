/** Texts and sets of characters as llama.cpp's grammars write them. */
import type { Part } from "./rules.ts";

/** A text of the answer, as it stands there. */
export const quote = (text: string): Part =>
  `"${[...text].map(escaped).join("")}"`;

/** One of these characters. */
export const oneOf = (characters: readonly string[]): Part =>
  `[${characters.map(escaped).join("")}]`;

/**
 * What a JSON text may have unescaped: no control characters, no quote, no backslash. Surrogates and what lies beyond
 * Unicode are left out too, since a model may put a character together from bytes.
 */
const plain = [
  [0x20, 0x21],
  [0x23, 0x5b],
  [0x5d, 0xd7ff],
  [0xe000, 0x10ffff],
] as const;

/** One character that a JSON text may have unescaped, but none of these. */
export function plainBut(characters: readonly string[] = []): Part {
  const codes = characters.map(codeOf).sort((a, b) => a - b);
  const ranges = plain.flatMap((range) => without(range, codes));
  return `[${ranges.map(([a, b]) => `${escape(a)}-${escape(b)}`).join("")}]`;
}

/** What is left of a range; `codes` are in order. */
function without(
  [first, last]: readonly [number, number],
  codes: readonly number[],
): [number, number][] {
  const left: [number, number][] = [];
  let from = first;
  for (const code of codes) {
    if (code < from || code > last) continue;
    if (code > from) left.push([from, code - 1]);
    from = code + 1;
  }
  if (from <= last) left.push([from, last]);
  return left;
}

const codeOf = (character: string): number => character.codePointAt(0) ?? 0;

const escaped = (character: string): string =>
  /[A-Za-z0-9 ]/.test(character) ? character : escape(codeOf(character));

function escape(code: number): string {
  const hex = code.toString(16).toUpperCase();
  if (code <= 0xff) return `\\x${hex.padStart(2, "0")}`;
  if (code <= 0xffff) return `\\u${hex.padStart(4, "0")}`;
  return `\\U${hex.padStart(8, "0")}`;
}
