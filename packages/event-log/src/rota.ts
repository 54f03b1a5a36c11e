/** Which queue is asked next: those that may have work, interactive ones first, owners in turn. */
import { workConsumerName, type Queue } from "@jetscribe/schema";
import type { WorkQueueInfo } from "./topology.ts";

export interface WorkQueue {
  queue: Queue;
  /** Of its consumer. */
  name: string;
  /** It may have work that nobody asked for yet. */
  wanted: boolean;
  /** A pull that doesn't wait is under way. */
  asked: boolean;
  /** A pull that waits is under way. */
  standing: boolean;
}

/** So many queues have a standing pull. */
const standingMost = 4;

export function makeRota() {
  /** The first is the one that was asked or hinted at longest ago. */
  const known = new Map<string, WorkQueue>();

  const add = (queue: Queue): WorkQueue => {
    const name = workConsumerName(queue);
    const found = known.get(name);
    if (found !== undefined) return found;
    const made = { queue, name, wanted: false, asked: false, standing: false };
    known.set(name, made);
    return made;
  };
  const toTheEnd = (queue: WorkQueue) => {
    known.delete(queue.name);
    known.set(queue.name, queue);
  };
  const waitingInLane = (lane: string) =>
    [...known.values()].filter(
      ({ queue, wanted, asked, standing }) =>
        wanted && !asked && !standing && queue.lane === lane,
    );

  return {
    hinted(queue: Queue) {
      const one = add(queue);
      one.wanted = true;
      if (one.standing) return;
      toTheEnd(one);
    },
    /** The consumer says how many more it has. */
    delivered(queue: WorkQueue, pending: number) {
      queue.wanted = pending > 0;
    },
    /** What a look at all consumers gave; `own`: how many unacknowledged deliveries are our own. */
    found(infos: WorkQueueInfo[], own: ReadonlyMap<WorkQueue, number>) {
      const names = new Set(infos.map(({ queue }) => workConsumerName(queue)));
      for (const one of known.values())
        if (!names.has(one.name) && !one.asked && !one.standing)
          known.delete(one.name);
      for (const { queue, pending, ackPending } of infos) {
        const one = add(queue);
        if (pending > 0 || ackPending > (own.get(one) ?? 0)) one.wanted = true;
      }
    },
    /** The one to ask now, which is not wanted any more until something says so again. */
    next(): WorkQueue | undefined {
      const one = waitingInLane("interactive")[0] ?? waitingInLane("batch")[0];
      if (one === undefined) return undefined;
      one.wanted = false;
      toTheEnd(one);
      return one;
    },
    /** How many others of its lane wait to be asked. */
    wantedLike: ({ queue }: WorkQueue): number =>
      waitingInLane(queue.lane).length,
    /** Those where work came last, without a standing pull. */
    latest: (): WorkQueue[] =>
      [...known.values()]
        .slice(-standingMost)
        .filter(({ standing, asked }) => !standing && !asked),
    forget(queue: WorkQueue) {
      known.delete(queue.name);
    },
  };
}
