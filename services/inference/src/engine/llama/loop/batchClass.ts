/** Batches that are alike to threads: a number of threads is chosen for each of these by itself. Pure. */

/** A step of one sequence; of several; a piece of a prompt. The best number differs: prompts like all cores. */
type BatchKind = "alone" | "together" | "prompts";

export interface Batch {
  kind: BatchKind;
  tokens: number;
  /** The longest context in it, in tokens: attention takes its time by that. */
  depth: number;
}

/**
 * Steps of several sequences by the fewest rows of their class. What a thread costs a step hardly depends on the rows, and
 * what it saves does: the best number of threads for 16 rows can be a loss for 4.
 */
export const rowClasses = [2, 4, 8, 16];

export const classOf = (rows: number) =>
  rowClasses.findLast((least) => rows >= least) ?? 2;

/** What a batch is compared with, and a number is chosen for, in words. */
export function levelName({
  kind,
  tokens,
}: Pick<Batch, "kind" | "tokens">): string {
  if (kind !== "together") return kind;
  const least = classOf(tokens);
  const next = rowClasses.find((other) => other > least);
  return `together, ${next ? `${least} to ${next - 1} rows` : `${least} rows or more`}`;
}

/** Batches that cost about as much with the same number: as many tokens, or pieces about as long, about as deep. */
export function shapeOf({ kind, tokens, depth }: Batch): string {
  const about = (count: number) => Math.ceil(Math.log2(count));
  return `${kind === "prompts" ? about(tokens) : tokens}/${about(depth + 1)}`;
}
