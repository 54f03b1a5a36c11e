/**
 * Pure: whose turn it is, counted in tokens and not in tasks. Everybody's tokens are counted, the one with the fewest is
 * next; who has nothing waiting gains nothing by it. First the lanes take turns, by their shares, then a lane's owners.
 */

/** One who takes turns with others. */
export interface Party {
  /** Tokens so far, divided by the party's share. */
  count: number;
}

/** An owner's place in a lane. */
export interface Owner extends Party {
  /** Tokens of one of its tasks, about; more than 0. */
  readonly typical: number;
  /** Tasks that were asked for, and came neither yet nor not at all. */
  asked: number;
}

/** Those that have something waiting. */
export interface Turns<P extends Party> {
  waiting: Set<P>;
  /** Where the count stands while nobody waits. */
  level: number;
}

export interface Lane<O extends Owner> extends Party, Turns<O> {
  share: number;
}

export const noTurns = <P extends Party>(): Turns<P> => ({
  waiting: new Set<P>(),
  level: 0,
});

/** From now on something of this one waits. It keeps what it had too much, and not what it did not use. */
export function enter<P extends Party>(turns: Turns<P>, one: P): void {
  const { waiting, level } = turns;
  if (waiting.has(one)) return;
  const least = fewest(waiting, ({ count }) => count)?.count;
  one.count = Math.max(one.count, least ?? level);
  waiting.add(one);
}

export function leave<P extends Party>(turns: Turns<P>, one: P): void {
  if (turns.waiting.delete(one) && turns.waiting.size === 0)
    turns.level = Math.max(turns.level, one.count);
}

/**
 * How many tasks are asked of whom, `free` of them in all. It may be fewer: where it is the turn of one who was asked
 * already, its answer is waited for, or whoever answers quicker would have more than its turns. The first of `lanes` and
 * the first who waits win a tie.
 */
export function shareOut<O extends Owner>(
  lanes: readonly Lane<O>[],
  free: number,
): Map<O, number> {
  const plan = new Map<O, number>();
  const planned = (one: O) => one.asked + (plan.get(one) ?? 0);
  const ahead = (one: O) => planned(one) * one.typical;
  const ofOwner = (one: O) => one.count + ahead(one);
  const pledged = new Map(
    lanes.map((lane) => {
      const tokens = [...lane.waiting].reduce(
        (sum, one) => sum + ahead(one),
        0,
      );
      return [lane, tokens];
    }),
  );
  const tokensOf = (lane: Lane<O>) => pledged.get(lane) ?? 0;
  const waiting = lanes.filter((lane) => lane.waiting.size > 0);
  for (let left = free; left > 0; left--) {
    const heads = waiting.flatMap((lane) => {
      const one = fewest(lane.waiting, ofOwner);
      return one === undefined ? [] : [{ lane, one }];
    });
    // By where the lane stands after that task: so a share of one in ten comes last of ten, and not first.
    const head = fewest(
      heads,
      ({ lane, one }) =>
        lane.count + (tokensOf(lane) + one.typical) / lane.share,
    );
    if (head === undefined || head.one.asked > 0) break;
    const { lane, one } = head;
    plan.set(one, planned(one) + 1);
    pledged.set(lane, tokensOf(lane) + one.typical);
  }
  return plan;
}

function fewest<P>(all: Iterable<P>, of: (one: P) => number): P | undefined {
  let found: P | undefined;
  let least = Infinity;
  for (const one of all) {
    const count = of(one);
    if (count >= least) continue;
    found = one;
    least = count;
  }
  return found;
}
