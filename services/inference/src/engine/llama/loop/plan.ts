/**
 * Which prompts are read next, and how much of each. Pure. llama.cpp computes at once what stands in a batch in the order
 * of the sequences' numbers, without a gap, with equally many tokens of each; all else in a batch costs as much as
 * batches of its own. So a prompt is read by itself, or together with neighbours whose piece is as long.
 */
import { alikeFrom } from "../sequence.ts";

export interface Reader {
  /** Its sequence's number. */
  number: number;
  /** Tokens that are still to be read. */
  pending: number;
  /** The turn in which it last read; the smallest is the next. */
  readAt: number;
}

export interface Piece<R extends Reader> {
  reader: R;
  /** How many. */
  tokens: number;
}

/**
 * `limitOf`: how many tokens should be read at once, all pieces together, where this reader is the next; `batchSize`: how
 * many can be.
 */
export function nextPieces<R extends Reader>(
  readers: readonly R[],
  limitOf: (next: R) => number,
  batchSize: number,
): Piece<R>[] {
  const first = readers.reduce((one, other) =>
    other.readAt < one.readAt ? other : one,
  );
  const most = Math.min(limitOf(first), batchSize);
  const tokens = pieceLength(first.pending, most, batchSize);
  const neighbours = new Map(
    readers
      .filter(({ pending }) => pieceLength(pending, most, batchSize) === tokens)
      .map((reader) => [reader.number, reader]),
  );
  const together = [first];
  const fits = () => (together.length + 1) * tokens <= most;
  for (let n = first.number + 1, next; fits(); n++) {
    if ((next = neighbours.get(n)) === undefined) break;
    together.push(next);
  }
  for (let n = first.number - 1, next; fits(); n--) {
    if ((next = neighbours.get(n)) === undefined) break;
    together.unshift(next);
  }
  return together.map((reader) => ({ reader, tokens }));
}

/**
 * Of pieces of nearly equal length. llama.cpp computes the attention of a piece in tiles of 64 tokens, and one that is
 * partly filled costs as much as a full one: so what is left over is in the first piece, which attends to least, and in
 * no piece of its own, which would be so short that llama.cpp would read it in another way.
 */
function pieceLength(
  pending: number,
  limit: number,
  batchSize: number,
): number {
  const tiles = Math.floor(pending / alikeFrom);
  if (tiles === 0) return Math.min(pending, batchSize);
  const rest = pending % alikeFrom;
  const even = Math.floor(tiles / Math.ceil(pending / limit));
  const most = Math.floor((limit - rest) / alikeFrom);
  const taken = Math.max(1, Math.min(even, most));
  return Math.min(rest + taken * alikeFrom, batchSize);
}
