/** Which queue is asked next: those that may have work, interactive ones first, owners in turn. */
import { workConsumerName, type Queue } from "@jetscribe/schema";
import type { WorkQueueInfo } from "./topology.ts";

export interface WorkQueue {
  queue: Queue;
  /** Of its consumer. */
  name: string;
  /** A pull that doesn't wait is under way. */
  asked: boolean;
  /** A pull that waits is under way. */
  standing: boolean;
  /** A hint came since it was asked last. */
  hinted: boolean;
  /** It was asked because of a hint, and gave nothing yet. */
  expecting: boolean;
}

/** So many queues have a standing pull. */
const standingMost = 4;

export function makeRota() {
  const known = new Map<string, WorkQueue>();
  /** Those that may have work, the one that waits longest first: so nobody's hints put off its own turn, or another's. */
  const wanted = {
    interactive: new Set<WorkQueue>(),
    batch: new Set<WorkQueue>(),
  };
  /** Where work was seen last, the latest first. */
  let recent: WorkQueue[] = [];

  function touch(queue: WorkQueue) {
    if (recent[0] === queue) return;
    recent = [queue, ...recent.filter((one) => one !== queue)];
    recent.length = Math.min(recent.length, standingMost);
  }
  function add(queue: Queue): WorkQueue {
    const name = workConsumerName(queue);
    const found = known.get(name);
    if (found !== undefined) return found;
    const idle = { asked: false, standing: false };
    const made = { queue, name, ...idle, hinted: false, expecting: false };
    known.set(name, made);
    touch(made);
    return made;
  }
  const setOf = ({ queue }: WorkQueue) => wanted[queue.lane];
  const want = (queue: WorkQueue) => void setOf(queue).add(queue);

  function forget(queue: WorkQueue) {
    known.delete(queue.name);
    setOf(queue).delete(queue);
    recent = recent.filter((one) => one !== queue);
  }
  function firstOf(lane: Iterable<WorkQueue>) {
    for (const one of lane) if (!one.asked && !one.standing) return one;
    return undefined;
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
    want,
    /** The consumer says how many more it has; a hint that came meanwhile may be newer than that. */
    delivered(queue: WorkQueue, pending: number) {
      queue.expecting = false;
      touch(queue);
      if (pending > 0) want(queue);
      else if (!queue.hinted) setOf(queue).delete(queue);
    },
    /** It came back empty: asked once more after a hint, which can come before its message can be had. */
    empty(queue: WorkQueue) {
      if (queue.expecting) want(queue);
    },
    /** What a look at all consumers gave; `own`: how many unacknowledged deliveries are our own. */
    found(infos: WorkQueueInfo[], own: ReadonlyMap<WorkQueue, number>) {
      const names = new Set(infos.map(({ queue }) => workConsumerName(queue)));
      for (const one of known.values())
        if (!names.has(one.name) && !one.asked && !one.standing) forget(one);
      for (const { queue, pending, ackPending } of infos) {
        const one = add(queue);
        if (pending > 0 || ackPending > (own.get(one) ?? 0)) want(one);
      }
    },
    /** The one to ask now, which is not wanted any more until something says so again. */
    next(): WorkQueue | undefined {
      const one = firstOf(wanted.interactive) ?? firstOf(wanted.batch);
      if (one === undefined) return undefined;
      setOf(one).delete(one);
      one.expecting = one.hinted;
      one.hinted = false;
      return one;
    },
    /** How many others of its lane may have work. */
    wantedLike: (queue: WorkQueue): number => setOf(queue).size,
    /** Those where work was seen last. */
    recent: (): readonly WorkQueue[] => recent,
    forget,
  };
}
export type Rota = ReturnType<typeof makeRota>;
