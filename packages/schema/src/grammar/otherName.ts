/** Names of additional properties. */
import { oneOf, plainBut, quote } from "./characters.ts";
import { treeOf, type PrefixTree } from "./prefixTree.ts";
import type { Alternatives, Part, Rules } from "./rules.ts";

/** A name in quotes that is none of these. It has no escapes, by which it could be one of them after all. */
export function otherName(
  { define, atMost }: Rules,
  names: readonly string[],
): readonly Part[] {
  const mark = quote('"');
  const free = define([[...atMost(plainBut(), Infinity), mark]]);

  /** Ends here if `ends`, or goes on with another character than these. */
  const another = (ends: boolean, characters: readonly string[]) => [
    ...(ends ? [[mark]] : []),
    [plainBut(characters), free],
  ];
  const through = (character: string, rest: Part): Alternatives =>
    isPlain(character) ? [[oneOf([character]), rest]] : [];

  function write(tree: PrefixTree, skipped: number): Part {
    const { prefix, then, children } = tree;
    const end = define([
      ...another(then === undefined, [...children.keys()]),
      ...[...children].flatMap(([character, child]) =>
        through(character, write(child, character.length)),
      ),
    ]);
    return [...prefix.slice(skipped)].reduceRight(
      (rest, character) =>
        define([...another(true, [character]), ...through(character, rest)]),
      end,
    );
  }

  const choices = [...new Set(names)].map((text) => ({ text, then: [] }));
  return [mark, write(treeOf(choices), 0)];
}

/** Whether a name without escapes can have it. */
const isPlain = (character: string): boolean =>
  !/["\\\p{Cs}]/u.test(character) && character >= " ";
