/** llama.cpp's notation of grammars read anew, to see what the text of a grammar lets pass. */

interface Terminal {
  /** Code points, first and last. */
  ranges: readonly (readonly [number, number])[];
}
type Symbol = Terminal | { rule: string };
type Sequence = readonly Symbol[];

/** What is still to come: a place in a sequence, and what comes after that. */
interface Stack {
  sequence: Sequence;
  at: number;
  below: Stack | undefined;
}

export interface Matcher {
  matches: (text: string) => boolean;
  /** The most ways that were open at once while the text was read. */
  widthOf: (text: string) => number;
  /**
   * A random text of the grammar; `random` gives 0 to below 1. Beyond `length` characters it goes the shortest way to
   * an end.
   */
  sample: (random: () => number, length: number) => string;
}

export function makeMatcher(gbnf: string): Matcher {
  const rules = parseRules(gbnf);
  const shortest = shortestOf(rules);
  const ids = new Map<Sequence, number>();

  const keyOf = (stack: Stack | undefined): string => {
    let key = "";
    for (let one = stack; one !== undefined; one = one.below) {
      if (!ids.has(one.sequence)) ids.set(one.sequence, ids.size);
      key += `${ids.get(one.sequence)}:${one.at} `;
    }
    return key;
  };

  /** All ways to go on, each up to its next character; undefined: the end. */
  function open(
    stack: Stack | undefined,
    into: Map<string, Stack | undefined>,
  ) {
    if (stack === undefined) {
      into.set("", undefined);
      return;
    }
    const { sequence, at, below } = stack;
    const symbol = sequence[at];
    if (symbol === undefined) {
      open(below, into);
      return;
    }
    if ("ranges" in symbol) {
      into.set(keyOf(stack), stack);
      return;
    }
    const rest =
      at + 1 < sequence.length ? { sequence, at: at + 1, below } : below;
    for (const inner of rules.get(symbol.rule) ?? [])
      open({ sequence: inner, at: 0, below: rest }, into);
  }

  function start(): Map<string, Stack | undefined> {
    const ways = new Map<string, Stack | undefined>();
    for (const sequence of rules.get("root") ?? [])
      open({ sequence, at: 0, below: undefined }, ways);
    return ways;
  }

  function read(ways: Map<string, Stack | undefined>, code: number) {
    const next = new Map<string, Stack | undefined>();
    for (const stack of ways.values()) {
      if (stack === undefined) continue;
      const { sequence, at, below } = stack;
      if (takes(sequence[at], code))
        open({ sequence, at: at + 1, below }, next);
    }
    return next;
  }

  function readAll(text: string) {
    let ways = start();
    let width = ways.size;
    for (const character of text) {
      ways = read(ways, character.codePointAt(0) ?? 0);
      width = Math.max(width, ways.size);
    }
    return { isWhole: ways.has(""), width };
  }

  const toEnd = (stack: Stack | undefined): number => {
    let sum = 0;
    for (let one = stack; one !== undefined; one = one.below)
      for (const symbol of one.sequence.slice(one.at))
        sum += "ranges" in symbol ? 1 : (shortest.get(symbol.rule) ?? Infinity);
    return sum;
  };

  function sample(random: () => number, length: number): string {
    let text = "";
    const pick = <T>(all: readonly T[]): T | undefined =>
      all[Math.floor(random() * all.length)];
    for (let ways = start(), n = 0; ; n++) {
      const stacks = [...ways.values()];
      const stack =
        n < length
          ? pick(stacks)
          : stacks.reduce((a, b) => (toEnd(b) < toEnd(a) ? b : a));
      if (stack === undefined) return text;
      const symbol = stack.sequence[stack.at];
      const range =
        symbol && "ranges" in symbol ? pick(symbol.ranges) : undefined;
      if (range === undefined) throw new Error("a set of no characters");
      const [first, last] = range;
      const code = first + Math.floor(random() * (last - first + 1));
      text += String.fromCodePoint(code);
      ways = read(ways, code);
    }
  }

  return {
    matches: (text) => readAll(text).isWhole,
    widthOf: (text) => readAll(text).width,
    sample,
  };
}

const takes = (symbol: Symbol | undefined, code: number): boolean =>
  symbol !== undefined &&
  "ranges" in symbol &&
  symbol.ranges.some(([first, last]) => first <= code && code <= last);

/** The length of each rule's shortest text. */
function shortestOf(rules: ReadonlyMap<string, readonly Sequence[]>) {
  const shortest = new Map<string, number>();
  const of = (symbol: Symbol) =>
    "ranges" in symbol ? 1 : (shortest.get(symbol.rule) ?? Infinity);
  for (let changed = true; changed;) {
    changed = false;
    for (const [name, sequences] of rules) {
      const least = Math.min(
        ...sequences.map((one) => one.reduce((sum, part) => sum + of(part), 0)),
      );
      if (least >= (shortest.get(name) ?? Infinity)) continue;
      shortest.set(name, least);
      changed = true;
    }
  }
  return shortest;
}

function parseRules(gbnf: string): Map<string, readonly Sequence[]> {
  const rules = new Map<string, readonly Sequence[]>();
  for (const line of gbnf.split("\n").filter(Boolean)) {
    const [, name, body] = /^([a-z]\w*) ::= (.*)$/.exec(line) ?? [];
    if (name === undefined || body === undefined)
      throw new Error(`no rule: ${line.slice(0, 80)}`);
    if (rules.has(name)) throw new Error(`twice: ${name}`);
    rules.set(name, parseBody(body));
  }
  for (const sequences of rules.values())
    for (const symbol of sequences.flat())
      if ("rule" in symbol && !rules.has(symbol.rule))
        throw new Error(`no such rule: ${symbol.rule}`);
  return rules;
}

const token =
  /"((?:\\x..|\\u....|\\U........|[^"\\])*)"|\[((?:\\x..|\\u....|\\U........|[^\]\\])+)\]|(\|)|([a-z]\w*)|( )/uy;

function parseBody(body: string): Sequence[] {
  const sequences: Symbol[][] = [[]];
  token.lastIndex = 0;
  while (token.lastIndex < body.length) {
    const found = token.exec(body);
    if (found === null) throw new Error(`no grammar: ${body.slice(0, 80)}`);
    const [, text, set, bar, rule] = found;
    if (bar !== undefined) sequences.push([]);
    else if (rule !== undefined) sequences.at(-1)?.push({ rule });
    else if (set !== undefined)
      sequences.at(-1)?.push({ ranges: rangesOf(set) });
    else if (text !== undefined)
      for (const code of codesOf(text))
        sequences.at(-1)?.push({ ranges: [[code, code]] });
  }
  return sequences;
}

/** A `-` between two characters is a range; as one of the set it is written escaped. */
function rangesOf(set: string): [number, number][] {
  const character = String.raw`\\x..|\\u....|\\U........|[^\\]`;
  return [
    ...set.matchAll(new RegExp(`(${character})(?:-(${character}))?`, "gu")),
  ].map(([, first = "", last = first]) => [
    codesOf(first)[0] ?? 0,
    codesOf(last)[0] ?? 0,
  ]);
}

const codesOf = (text: string): number[] =>
  [...text.matchAll(/\\(?:x..|u....|U........)|[^\\]/gu)].map(([one]) =>
    one.startsWith("\\")
      ? parseInt(one.slice(2), 16)
      : (one.codePointAt(0) ?? 0),
  );
