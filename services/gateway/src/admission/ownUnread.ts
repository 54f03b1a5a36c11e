/** With more, two become one, and are read later. */
const maxParts = 100;

/** The room for the outcomes of this gateway's own requests that the projection has not read yet. */
export function makeOwnUnread() {
  /** Noted since the last look. */
  let fresh = 0;
  /** What was found by each look, oldest first: up to a sequence so much, beside the part before. */
  let parts: { upTo: number; reserve: number }[] = [];

  return {
    /** Takes note of a stored request: the room for its outcome, in bytes. */
    note: (reserve: number) => void (fresh += reserve),
    /** A look at the log begins: what was noted so far is in what it finds. Returns that, for `end`. */
    begin: () => fresh,
    /** What it found: the log's last sequence, and how far the projection has read. */
    end(begun: number, lastSeq: number, readUpTo: number): void {
      fresh -= begun;
      if (begun > 0) parts.push({ upTo: lastSeq, reserve: begun });
      parts = parts.filter(({ upTo }) => upTo > readUpTo);
      const [first, second] = parts;
      if (parts.length <= maxParts || !first || !second) return;
      const reserve = first.reserve + second.reserve;
      parts.splice(0, 2, { upTo: second.upTo, reserve });
    },
    /** Bytes, as of the last look. */
    reserve: () => parts.reduce((sum, { reserve }) => sum + reserve, 0),
  };
}
