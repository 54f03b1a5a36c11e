/** One of many texts, as a prefix tree: however many there are, only those that fit so far are open. */
import { oneOf, quote } from "./characters.ts";
import type { Alternatives, Part, Rules } from "./rules.ts";

/** A text of the answer, and what follows it. */
export interface Choice {
  text: string;
  then: readonly Part[];
}

/** Never changed: a tree with one more choice shares the rest with the one before it. */
export interface PrefixTree {
  /** What all texts from here on begin with. */
  prefix: string;
  /** What follows the prefix where a text ends with it. */
  then?: readonly Part[];
  /** By the first character of each one's prefix. */
  children: ReadonlyMap<string, PrefixTree>;
}

/** Of at least one choice; no text may be there twice. */
export function treeOf(choices: readonly Choice[]): PrefixTree {
  const sorted = [...choices].sort((a, b) => (a.text < b.text ? -1 : 1));
  return build(sorted, 0);
}

/** In order, and equal up to `from`; so what the first and the last one share all of them do. */
function build(sorted: readonly Choice[], from: number): PrefixTree {
  const [first] = sorted;
  const text = first?.text.slice(from) ?? "";
  const last = sorted.at(-1)?.text.slice(from) ?? "";
  const prefix = text.slice(0, commonLength(text, last));
  const to = from + prefix.length;
  const ends = first?.text.length === to;
  const byCharacter = Map.groupBy(ends ? sorted.slice(1) : sorted, (choice) =>
    firstOf(choice.text.slice(to, to + 2)),
  );
  const children = new Map<string, PrefixTree>();
  for (const [character, group] of byCharacter)
    children.set(character, build(group, to));
  return { prefix, children, ...(ends && { then: first.then }) };
}

export function withChoice(
  tree: PrefixTree | undefined,
  { text, then }: Choice,
): PrefixTree {
  if (tree === undefined) return { prefix: text, then, children: new Map() };
  const prefix = text.slice(0, commonLength(tree.prefix, text));
  const rest = text.slice(prefix.length);
  const node = prefix === tree.prefix ? tree : split(tree, prefix);
  if (rest === "") return { ...node, then };
  const children = new Map(node.children);
  const child = withChoice(children.get(firstOf(rest)), { text: rest, then });
  return { ...node, children: children.set(firstOf(rest), child) };
}

function split(tree: PrefixTree, prefix: string): PrefixTree {
  const rest = tree.prefix.slice(prefix.length);
  const children = new Map([[firstOf(rest), { ...tree, prefix: rest }]]);
  return { prefix, children };
}

/** In UTF-16 units, but never half a character. */
function commonLength(a: string, b: string): number {
  let length = 0;
  while (length < a.length && a[length] === b[length]) length += 1;
  const isHalf = /[\uD800-\uDBFF]/.test(a[length - 1] ?? "");
  return isHalf ? length - 1 : length;
}

const firstOf = (text: string): string =>
  String.fromCodePoint(text.codePointAt(0) ?? 0);

/** Makes the function that writes trees as rules; equal ends of texts share theirs. */
export function makeTreeWriter({ define }: Pick<Rules, "define">) {
  const writtenTrees = new WeakMap<PrefixTree, readonly Part[]>();

  function write(tree: PrefixTree, skipped = 0): readonly Part[] {
    const prefix = tree.prefix.slice(skipped);
    return prefix === "" ? after(tree) : [quote(prefix), ...after(tree)];
  }

  /** What follows the prefix. */
  function after(tree: PrefixTree): readonly Part[] {
    const before = writtenTrees.get(tree);
    if (before !== undefined) return before;
    const { then = [], children } = tree;
    const written = children.size === 0 ? then : [define(alternatives(tree))];
    writtenTrees.set(tree, written);
    return written;
  }

  /** Children that go on in the same way are one set of characters. */
  function alternatives({ then, children }: PrefixTree): Alternatives {
    const tails = Array.from(children, ([character, child]) => {
      return { character, tail: write(child, character.length) };
    });
    const alike = Map.groupBy(tails, ({ tail }) => tail.join(" "));
    return [
      ...(then === undefined ? [] : [then]),
      ...Array.from(alike.values(), (all) => [
        oneOf(all.map(({ character }) => character)),
        ...(all[0]?.tail ?? []),
      ]),
    ];
  }

  return (tree: PrefixTree): readonly Part[] => write(tree);
}
