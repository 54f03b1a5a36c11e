/** The rules of a grammar in llama.cpp's notation (GBNF), collected while it is made. */

/** What stands in a rule: a quoted text, a set of characters in brackets, or the name of another rule. */
export type Part = string;
/** Each alternative is a sequence; an empty one is the empty text. */
export type Alternatives = readonly (readonly Part[])[];

export type Rules = ReturnType<typeof makeRules>;

export interface Grammar {
  gbnf: string;
  cost: {
    /** Characters of the grammar's text: the time to compile it is in proportion to them. */
    size: number;
    /**
     * The most alternatives that are open at one place: the time to check a token is in proportion to it. What may follow
     * an optional end is not added.
     */
    width: number;
  };
}

/** Thrown when a grammar becomes too large, before more of it is made; the message says in what. */
export class GrammarTooLarge extends Error {
  override readonly name = "GrammarTooLarge";
}

/** The others begin with a quote or a bracket. */
const isRule = (part: Part): boolean => part.startsWith("r");

export function makeRules(maxSize: number) {
  const bodies = new Map<Part, Alternatives>();
  const names = new Map<string, Part>();
  const named = new Map<object, Part>();
  const chains = new Map<Part, (readonly Part[])[]>();
  const doubles = new Map<Part, readonly Part[]>();
  const lines: string[] = [];
  let size = 0;

  function add(
    name: Part,
    alternatives: Alternatives,
    body = written(alternatives),
  ): Part {
    const line = `${name} ::= ${body}`;
    lines.push(line);
    size += line.length;
    if (size > maxSize)
      throw new GrammarTooLarge(
        `its grammar has more than ${maxSize} characters: it has too many properties or values, or too large counts`,
      );
    bodies.set(name, alternatives);
    return name;
  }

  const nextName = (): Part => `r${bodies.size + named.size}`;

  /** The rule of this body; bodies that are equal share one rule. */
  function define(alternatives: Alternatives): Part {
    const [only, ...others] = alternatives;
    if (only?.length === 1 && others.length === 0) return only[0] ?? "";
    const body = written(alternatives);
    const known = names.get(body);
    if (known !== undefined) return known;
    const name = nextName();
    names.set(body, name);
    return add(name, alternatives, body);
  }

  /** The rule of a thing that may contain itself: `build` runs once for each key. */
  function once(key: object, build: () => readonly Part[]): Part {
    const known = named.get(key);
    if (known !== undefined) return known;
    const name = nextName();
    named.set(key, name);
    return add(name, [build()]);
  }

  /** The part `count` times: by doubling, so that a large count is a few rules. */
  function exactly(part: Part, count: number): readonly Part[] {
    if (count === 0) return [];
    if (count === 1) return [part];
    const key = `${part} ${count}`;
    const known = doubles.get(key);
    if (known !== undefined) return known;
    const half = exactly(part, count >> 1);
    const odd = count % 2 === 1 ? [part] : [];
    const made = [define([[...half, ...half, ...odd]])];
    doubles.set(key, made);
    return made;
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

  function many(part: Part): Part {
    const body = `${part}*`;
    const known = names.get(body);
    if (known !== undefined) return known;
    const name = nextName();
    names.set(body, name);
    return add(name, [[part, name], []]);
  }

  /** The grammar that begins with these parts. */
  function finish(root: readonly Part[]): Grammar {
    const gbnf = [`root ::= ${written([root])}`, ...lines, ""].join("\n");
    return { gbnf, cost: { size: gbnf.length, width: widthOf(bodies, root) } };
  }

  return { define, once, exactly, atMost, finish };
}

const written = (alternatives: Alternatives): string =>
  alternatives
    .map((sequence) => (sequence.length > 0 ? sequence.join(" ") : '""'))
    .join(" | ");

/** Of every place in every rule, the most sets of characters that the next one may come from. */
function widthOf(
  bodies: ReadonlyMap<Part, Alternatives>,
  root: readonly Part[],
): number {
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
