/**
 * Fair queueing, counted in tokens and not in tasks. A flow's virtual time is the number of tokens computed for it so
 * far, divided by its share; the backlogged flow with the lowest virtual time is next. First the lanes take turns, by
 * their shares, then the owners within a lane. This file alone changes virtual times.
 */

/** One of an owner's queues, an owner in its lane, or a lane among the lanes. */
export interface Flow {
  virtualTime: number;
}

export interface OwnerFlow extends Flow {
  /** How many tokens a task of this owner usually takes; more than 0. */
  readonly tokensPerTask: number;
  /** How many tasks were asked for and have not been answered yet. */
  readonly asked: number;
}

export interface FlowGroup<F extends Flow> {
  /** The flows that have something waiting. */
  backlogged: Set<F>;
  /** The virtual time at which a flow starts while no other is backlogged. */
  idleTime: number;
}

export interface Lane<O extends OwnerFlow> extends Flow, FlowGroup<O> {
  readonly share: number;
}

export const emptyGroup = <F extends Flow>(): FlowGroup<F> => ({
  backlogged: new Set<F>(),
  idleTime: 0,
});

/** From now on the flow has something waiting. Its over-use stays; idle time earns no credit. */
export function enter<F extends Flow>(group: FlowGroup<F>, flow: F): void {
  const { backlogged, idleTime } = group;
  if (backlogged.has(flow)) return;
  const lowest = lowestBy(backlogged, ({ virtualTime }) => virtualTime);
  flow.virtualTime = Math.max(
    flow.virtualTime,
    lowest?.virtualTime ?? idleTime,
  );
  backlogged.add(flow);
}

export function leave<F extends Flow>(group: FlowGroup<F>, flow: F): void {
  if (group.backlogged.delete(flow) && group.backlogged.size === 0)
    group.idleTime = Math.max(group.idleTime, flow.virtualTime);
}

/** So many tokens more were computed for the owner, by this queue of it; less than 0 takes back what was not. */
export function charge<O extends OwnerFlow>(
  lane: Lane<O>,
  owner: O,
  tokens: number,
  queue?: Flow,
): void {
  if (queue !== undefined) queue.virtualTime += tokens;
  owner.virtualTime += tokens;
  lane.virtualTime += tokens / lane.share;
}

/**
 * How many tasks to ask of which owner, `free` of them in all. It may be fewer: where it is the turn of an owner that was
 * asked already, its answer is waited for, or an owner whose queue answers faster would have more than its share. The
 * first of `lanes`, and the owner that has been backlogged longest, win a tie.
 */
export function shareOut<O extends OwnerFlow>(
  lanes: readonly Lane<O>[],
  free: number,
): Map<O, number> {
  const plan = new Map<O, number>();
  const tasksAhead = (owner: O) => owner.asked + (plan.get(owner) ?? 0);
  const tokensAhead = (owner: O) => tasksAhead(owner) * owner.tokensPerTask;
  const pledged = new Map(
    lanes.map((lane) => {
      const tokens = [...lane.backlogged].reduce(
        (sum, owner) => sum + tokensAhead(owner),
        0,
      );
      return [lane, tokens];
    }),
  );
  const pledgedTo = (lane: Lane<O>) => pledged.get(lane) ?? 0;
  for (let left = free; left > 0; left--) {
    const heads = lanes.flatMap((lane) => {
      const owner = lowestBy(
        lane.backlogged,
        (flow) => flow.virtualTime + tokensAhead(flow),
      );
      return owner === undefined ? [] : [{ lane, owner }];
    });
    // By the lane's virtual time after that task, so that a share of one in ten comes last of ten, and not first.
    const head = lowestBy(
      heads,
      ({ lane, owner }) =>
        lane.virtualTime + (pledgedTo(lane) + owner.tokensPerTask) / lane.share,
    );
    if (head === undefined || head.owner.asked > 0) break;
    const { lane, owner } = head;
    plan.set(owner, tasksAhead(owner) + 1);
    pledged.set(lane, pledgedTo(lane) + owner.tokensPerTask);
  }
  return plan;
}

/** The first of those with the lowest value, which is finite. */
export function lowestBy<T>(
  items: Iterable<T>,
  valueOf: (item: T) => number,
): T | undefined {
  let found: T | undefined;
  let lowest = Infinity;
  for (const item of items) {
    const value = valueOf(item);
    if (value >= lowest) continue;
    found = item;
    lowest = value;
  }
  return found;
}
