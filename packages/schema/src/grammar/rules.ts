/** The rules of a grammar in llama.cpp's notation (GBNF), collected while it is made. */

/** What stands in a rule: a quoted text, a set of characters in brackets, or the name of another rule. */
export type Part = string;
/** Each alternative is a sequence; an empty one is the empty text. */
export type Alternatives = readonly (readonly Part[])[];

export type Rules = ReturnType<typeof makeRules>;

export interface Grammar {
  gbnf: string;
  /**
   * The most alternatives that are open at one place: the time to check a token is in proportion to it. What may follow
   * an optional end is not added.
   */
  width: number;
}

/** Thrown when a grammar becomes too large, before more of it is made; the message says in what. */
export class GrammarTooLarge extends Error {
  override readonly name = "GrammarTooLarge";
}

/** The others begin with a quote or a bracket. */
const isRule = (part: Part): boolean => part.startsWith("r");

export function makeRules(maxSize: number) {
  const bodies = new Map<Part, Alternatives>();
  /** The rules' names by their bodies, or by what they are made of. */
  const names = new Map<string | object, Part>();
  const chains = new Map<Part, (readonly Part[])[]>();
  const lines: string[] = [];
  let size = 0;

  /** The rule of this key, which `build` makes once and may refer to. */
  function named(key: string | object, build: (name: Part) => Alternatives) {
    const known = names.get(key);
    if (known !== undefined) return known;
    const name = `r${names.size}`;
    names.set(key, name);
    const alternatives = build(name);
    const line = `${name} ::= ${written(alternatives)}`;
    lines.push(line);
    size += line.length;
    if (size > maxSize)
      throw new GrammarTooLarge(
        `its grammar has more than ${maxSize} characters: it has too many properties or values, or too large counts`,
      );
    bodies.set(name, alternatives);
    return name;
  }

  /** The rule of this body; bodies that are equal share one rule. */
  function define(alternatives: Alternatives): Part {
    const [only, ...others] = alternatives;
    if (only?.length === 1 && others.length === 0) return only[0] ?? "";
    return named(written(alternatives), () => alternatives);
  }

  /** The rule of a thing that may contain itself: `build` runs once for each key. */
  const once = (key: object, build: () => readonly Part[]): Part =>
    named(key, () => [build()]);

  /** The part `count` times: by doubling, so that a large count is a few rules. */
  function exactly(part: Part, count: number): readonly Part[] {
    if (count === 0) return [];
    if (count === 1) return [part];
    const half = exactly(part, count >> 1);
    const odd = count % 2 === 1 ? [part] : [];
    return [define([[...half, ...half, ...odd]])];
  }

  /**
   * The part up to `max` times, which may be Infinity. A chain, shared by all counts: each link is one more part or the
   * end, so only one way is open at a time.
   */
  function atMost(part: Part, max: number): readonly Part[] {
    if (max === Infinity) return [many(part)];
    const chain = chains.get(part) ?? [[]];
    chains.set(part, chain);
    for (let n = chain.length; n <= max; n++)
      chain.push([define([[part, ...(chain[n - 1] ?? [])], []])]);
    return chain[max] ?? [];
  }

  const many = (part: Part): Part =>
    named(`${part}*`, (name) => [[part, name], []]);

  /** The grammar that begins with these parts. */
  function finish(root: readonly Part[]): Grammar {
    const gbnf = [`root ::= ${written([root])}`, ...lines, ""].join("\n");
    return { gbnf, width: widthOf(bodies, root) };
  }

  return { define, once, exactly, atMost, finish };
}

const written = (alternatives: Alternatives): string =>
  alternatives
    .map((sequence) => (sequence.length > 0 ? sequence.join(" ") : '""'))
    .join(" | ");

/** Of every place in every rule, the most sets of characters that the next one may come from. */
function widthOf(bodies: Map<Part, Alternatives>, root: readonly Part[]) {
  const known = new Map<Part, { width: number; empty: boolean }>();

  /** No rule begins with itself, so this ends. */
  function ofPart(part: Part): { width: number; empty: boolean } {
    if (!isRule(part)) return { width: 1, empty: false };
    const before = known.get(part);
    if (before !== undefined) return before;
    const all = (bodies.get(part) ?? []).map((sequence) =>
      ofSequence(sequence),
    );
    const width = all.reduce((sum, alternative) => sum + alternative.width, 0);
    const answer = { width, empty: all.some(({ empty }) => empty) };
    known.set(part, answer);
    return answer;
  }

  function ofSequence(sequence: readonly Part[], from = 0) {
    let width = 0;
    for (let i = from; i < sequence.length; i++) {
      const first = ofPart(sequence[i] ?? "");
      width += first.width;
      if (!first.empty) return { width, empty: false };
    }
    return { width, empty: true };
  }

  let widest = 0;
  for (const body of [[root], ...bodies.values()])
    for (const sequence of body)
      for (let i = 0; i < sequence.length; i++)
        widest = Math.max(widest, ofSequence(sequence, i).width);
  return widest;
}
