/**
 * Pure: which tasks the snapshots of the log share. A snapshot stands at every 4,096th sequence and says which tasks were
 * open then, and what they were. It is not written down by itself: a task's stay in one status is kept once, at one of
 * the snapshots that lie in it, so a task that waits for long costs no more than one that crosses a single snapshot.
 *
 * The numbers of the snapshots are the nodes of a binary tree, in which a number with more zeros at its end stands
 * higher (the relational interval tree of Kriegel, Pötke and Seidl). A stay is kept at the highest node in it. The stays
 * that cover a snapshot are at its own node and at those above it, of which there are about 30.
 */

/** Between two snapshots; so many events at most are folded for a moment. */
export const eventsPerSnapshot = 4_096;

/** The number of the last snapshot at or before a sequence; 0: it is before the first event. */
export const snapshotBefore = (seq: number): number =>
  Math.floor(seq / eventsPerSnapshot);

/** The node at which a stay is kept; undefined: no snapshot lies in it. `until`: the first sequence behind it. */
export function forkOf(since: number, until: number): number | undefined {
  const first = Math.ceil(since / eventsPerSnapshot);
  let node = snapshotBefore(until - 1);
  if (node < first) return undefined;
  for (let higher; (higher = node & (node - 1)) >= first;) node = higher;
  return node;
}

/** The nodes at which stays can be that cover a snapshot: its own and lower numbers, and higher ones up to `highest`. */
export function nodesOver(
  snapshot: number,
  highest: number,
): { upTo: number[]; beyond: number[] } {
  const upTo: number[] = [];
  const beyond: number[] = [];
  for (let node = snapshot; node > 0; node &= node - 1) upTo.push(node);
  for (let size = 1; size <= highest; size *= 2) {
    const node = Math.ceil(snapshot / size) * size;
    const isOwnLevel = (node / size) % 2 === 1;
    if (isOwnLevel && node > snapshot && node <= highest) beyond.push(node);
  }
  return { upTo, beyond };
}
