/** The newest ids of many ranges, which are looked into in the order of their ids, by one budget of looks. */
import { lowest, type Found, type Range } from "./idsOf.ts";

/** `looks`: so often at most for all ranges together, once each was begun. `least`: with fewer a search may get no further. */
export interface Budget {
  looks: number;
  least: number;
}

/** Looks into a range from its upper end on. */
export type Search = (
  range: Range,
  limits: { most: number; looks: number },
) => Found;

/** Looks at a time, where there are enough: each search is a query or two. */
const atOnce = 16;

/**
 * The newest ids of all ranges, so many at most; `seenDownTo`: below that it was not looked everywhere. Each range is
 * begun by its `least` looks, which the budget does not have to cover: so every page gets further, and empty ranges take
 * nothing of it. Then the range goes on whose unseen part reaches highest, until there are enough or the budget is spent.
 */
export function findIds(
  search: Search,
  ranges: readonly Range[],
  most: number,
  { looks, least }: Budget,
): { ids: string[]; seenDownTo: string } {
  let found: string[] = [];
  let left = looks;
  /** What is not seen yet. */
  let unseen: Range[] = [];
  const floorOf = ({ above }: Range) => higher(above, found[most - 1] ?? lowest); // prettier-ignore

  function look(range: Range, looks: number): number {
    const above = floorOf(range);
    if (range.below <= above) return 0;
    const { ids, end, looked } = search({ ...range, above }, { most, looks });
    found.push(...ids);
    if (found.length >= most) found = newest(found).slice(0, most);
    if (end > above) unseen.push({ ...range, below: end });
    return looked;
  }

  for (const range of ranges) look(range, least);
  while (unseen.length > 0 && left >= least) {
    const share = Math.floor(left / (2 * unseen.length));
    const next = unseen.reduce((a, b) => (a.below > b.below ? a : b));
    if (next.below <= floorOf(next)) break;
    unseen = unseen.filter((range) => range !== next);
    left -= look(next, Math.min(left, Math.max(atOnce, least, share)));
  }
  const seenDownTo = unseen
    .filter((range) => range.below > floorOf(range))
    .reduce((end, { below }) => higher(end, below), lowest);
  return { ids: newest(found).filter((id) => id >= seenDownTo), seenDownTo };
}

const newest = (ids: readonly string[]): string[] => ids.toSorted().reverse();
const higher = (a: string, b: string): string => (a > b ? a : b);
