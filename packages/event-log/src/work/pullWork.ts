/** Pulls as many deliveries as there are free slots, from queues as `queueScheduler.ts` plans: decision 0003. */
import type { Broker } from "../broker/connection.ts";
import type { Delivery, PullEnd, Puller } from "../read/pull.ts";
import type { QueueScheduler, WorkQueue } from "./queueScheduler.ts";

const standingMs = 2_000;
/**
 * A pull that does not wait is not answered while as many tasks of a group run as may: on 2.9 and 2.15 the broker keeps
 * it until a task ends. So a group's pull ends by itself, after what an acknowledgement takes to be seen.
 */
const groupMs = 20;

/** Returns the function that looks for free slots, and asks for deliveries where there are any. */
export function makePullWork(
  broker: Broker,
  {
    scheduler,
    puller,
    free,
    onDelivery,
    onAnswer,
    onWaited,
  }: {
    scheduler: QueueScheduler;
    puller: Puller;
    /** How many deliveries more may be in hand. */
    free: () => number;
    onDelivery: (delivery: Delivery, queue: WorkQueue) => void;
    /** A pull was answered, if only with nothing. */
    onAnswer: () => void;
    /** A slot was kept free for so long, and nothing came. */
    onWaited: (queue: WorkQueue, ms: number) => void;
  },
): () => void {
  let scheduled = false;

  /** Once per turn of the event loop, so that slots that become free together are asked for together. */
  function pullWork() {
    if (scheduled) return;
    scheduled = true;
    setImmediate(() => {
      scheduled = false;
      if (broker.connected) pullForFreeSlots();
    });
  }

  function pullForFreeSlots() {
    const left = free() - scheduler.asked();
    if (left <= 0) return;
    for (const [queue, batch] of scheduler.plan(left)) {
      scheduler.noteAsked(queue, batch);
      const { group } = queue.queue;
      pull(queue, batch, group === undefined ? {} : { upToMs: groupMs });
    }
    // Where something is asked, its answer says what comes next.
    if (scheduler.asked() > 0) return;
    const latest = scheduler.recent();
    for (const queue of latest) {
      if (queue.state.pull === "standing") continue;
      scheduler.noteStanding(queue);
      pull(queue, Math.ceil(left / latest.length), { expiresMs: standingMs });
    }
  }

  function pull(
    queue: WorkQueue,
    batch: number,
    waits: { expiresMs?: number; upToMs?: number },
  ) {
    const { events: stream } = broker.streams;
    const sentAt = performance.now();
    puller.pull(
      { stream, consumer: queue.name, batch, ...waits },
      {
        onDelivery: (delivery) => onDelivery(delivery, queue),
        onEnd: (end) =>
          ended(queue, end, waits.upToMs ? performance.now() - sentAt : 0),
      },
    );
  }

  function ended(queue: WorkQueue, end: PullEnd, waitedMs: number) {
    if (end !== "lost") onAnswer();
    // Slots were kept free for it meanwhile: that is its owner's time.
    if (end === "empty") onWaited(queue, waitedMs);
    scheduler.notePullEnd(queue, end);
    pullWork();
  }

  return pullWork;
}
