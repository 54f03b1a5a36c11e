/** Which queues may have work, and so take turns; what each had of the worker, in tokens. `turns.ts` says who is next. */
import {
  laneShares,
  type Lane as LaneName,
  type Names,
  type Queue,
} from "@jetscribe/schema";
import {
  enter,
  leave,
  noTurns,
  shareOut,
  type Lane,
  type Owner,
  type Turns,
} from "./turns.ts";

export interface WorkQueue extends Owner {
  queue: Queue;
  /** Of its consumer. */
  name: string;
  /** A pull that waits is under way: what comes meanwhile comes by itself, so it takes no turns. */
  standing: boolean;
  /** A hint came since it was asked last. */
  hinted: boolean;
  /** It was asked because of a hint, and gave nothing yet. */
  expecting: boolean;
  /** Tokens of its tasks, the latest ones more than those before; undefined: none was finished. */
  mean: number | undefined;
  /** When it last had work or a hint, by the rota's clock. */
  activeAt: number;
}

/** A queue without work for so long is forgotten, and its turns with it. */
const forgetAfterMs = 600_000;
/** So many queues have a standing pull. */
const standingMost = 4;
/** Tokens of a task, before one was finished. */
const firstGuess = 100;
/** How much the latest task says of the next one. */
const weight = 0.2;
const learn = (mean: number, tokens: number) => mean + weight * (tokens - mean);

/** `now` is a monotonic clock in ms. */
export function makeRota(
  { workConsumerName }: Pick<Names, "workConsumerName">,
  now: () => number = () => performance.now(),
) {
  const known = new Map<string, WorkQueue>();
  const laneOf = (name: LaneName): Lane<WorkQueue> => ({
    ...noTurns<WorkQueue>(),
    count: 0,
    share: laneShares[name],
  });
  const lanes = { interactive: laneOf("interactive"), batch: laneOf("batch") };
  const inOrder = [lanes.interactive, lanes.batch];
  const turnsOfLanes: Turns<Lane<WorkQueue>> = noTurns();
  /** The mean over all queues stands in for one that is not known yet. */
  let mean: number | undefined;
  /** Where work was seen last, the latest first. */
  let recent: WorkQueue[] = [];

  function touch(queue: WorkQueue) {
    queue.activeAt = now();
    if (recent[0] === queue) return;
    recent = [queue, ...recent.filter((one) => one !== queue)];
    recent.length = Math.min(recent.length, standingMost);
  }
  function add(queue: Queue): WorkQueue {
    const name = workConsumerName(queue);
    const found = known.get(name);
    if (found !== undefined) return found;
    const made: WorkQueue = {
      ...{ queue, name, count: 0, asked: 0, mean: undefined },
      ...{ standing: false, hinted: false, expecting: false },
      activeAt: now(),
      get typical() {
        return this.mean ?? mean ?? firstGuess;
      },
    };
    known.set(name, made);
    touch(made);
    return made;
  }
  /** It may have work. */
  function want(queue: WorkQueue) {
    if (queue.standing) {
      queue.hinted = true;
      return;
    }
    const lane = lanes[queue.queue.lane];
    enter(turnsOfLanes, lane);
    enter(lane, queue);
  }
  function unwant(queue: WorkQueue) {
    const lane = lanes[queue.queue.lane];
    leave(lane, queue);
    if (lane.waiting.size === 0) leave(turnsOfLanes, lane);
  }
  const isIdle = (queue: WorkQueue) =>
    !queue.standing &&
    queue.asked === 0 &&
    !lanes[queue.queue.lane].waiting.has(queue);
  function forget(queue: WorkQueue) {
    known.delete(queue.name);
    unwant(queue);
    recent = recent.filter((one) => one !== queue);
  }

  return {
    /** The queue of a consumer. */
    named: (consumer: string) => known.get(consumer),
    hinted(queue: Queue) {
      const one = add(queue);
      one.hinted = true;
      want(one);
      touch(one);
    },
    /** The consumer says how many more it has; a hint that came meanwhile may be newer than that. */
    delivered(queue: WorkQueue, pending: number) {
      queue.expecting = false;
      touch(queue);
      if (pending > 0) want(queue);
      else if (!queue.hinted) unwant(queue);
    },
    /** It came back empty: asked once more after a hint, which can come before its message can be had. */
    empty(queue: WorkQueue) {
      if (!queue.expecting && !queue.hinted) unwant(queue);
    },
    /** It did not answer, and comes in anew: or all would wait for it as long as it is behind with its turns. */
    lost(queue: WorkQueue) {
      unwant(queue);
      want(queue);
    },
    stands(queue: WorkQueue) {
      queue.hinted = false;
      queue.standing = true;
    },
    /** Its standing pull is over. */
    stood(queue: WorkQueue) {
      queue.standing = false;
      if (queue.hinted) want(queue);
    },
    /** Queues with so many tasks that are not acknowledged; `own`: how many of these are in our own hands. */
    found(
      queues: readonly { queue: Queue; tasks: number }[],
      own: ReadonlyMap<WorkQueue, number>,
    ) {
      for (const { queue, tasks } of queues) {
        const one = known.get(workConsumerName(queue));
        const ours = one === undefined ? 0 : (own.get(one) ?? 0);
        if (tasks > ours) want(add(queue));
      }
    },
    /** Forgets the queues without work for ten minutes; those in our own hands have some. */
    forgetIdle(own: ReadonlyMap<WorkQueue, number>) {
      for (const queue of own.keys()) queue.activeAt = now();
      const until = now() - forgetAfterMs;
      for (const queue of known.values())
        if (queue.activeAt <= until && isIdle(queue)) forget(queue);
    },
    /** Whom to ask now for how many tasks, `free` in all. */
    next(free: number): ReadonlyMap<WorkQueue, number> {
      const plan = shareOut(inOrder, free);
      for (const one of plan.keys()) {
        one.expecting = one.hinted;
        one.hinted = false;
      }
      return plan;
    },
    /** So many tokens more were computed for the queue; less than 0 takes back what was not. */
    served(queue: WorkQueue, tokens: number) {
      const lane = lanes[queue.queue.lane];
      queue.count += tokens;
      lane.count += tokens / lane.share;
    },
    /** A task came to so many tokens in all. */
    finished(queue: WorkQueue, tokens: number) {
      mean = learn(mean ?? tokens, tokens);
      queue.mean = learn(queue.mean ?? tokens, tokens);
    },
    /** Those where work was seen last. */
    recent: (): readonly WorkQueue[] => recent,
    forget,
  };
}
export type Rota = ReturnType<typeof makeRota>;
