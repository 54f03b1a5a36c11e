/** Pulls as many deliveries as there are free slots, from queues as `queueScheduler.ts` plans: decision 0003. */
import type { Broker } from "../broker/connection.ts";
import type { Delivery, PullEnd, Puller } from "../read/pull.ts";
import type { QueueScheduler, WorkQueue } from "./queueScheduler.ts";

const standingMs = 2_000;

/** Returns the function that looks for free slots, and asks for deliveries where there are any. */
export function makePullWork(
  broker: Broker,
  {
    scheduler,
    puller,
    free,
    onDelivery,
    onAnswer,
  }: {
    scheduler: QueueScheduler;
    puller: Puller;
    /** How many deliveries more may be in hand. */
    free: () => number;
    onDelivery: (delivery: Delivery, queue: WorkQueue) => void;
    /** A pull was answered, if only with nothing. */
    onAnswer: () => void;
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
      pull(queue, batch);
    }
    // Where something is asked, its answer says what comes next.
    if (scheduler.asked() > 0) return;
    const latest = scheduler.recent();
    for (const queue of latest) {
      if (queue.state.pull === "standing") continue;
      scheduler.noteStanding(queue);
      pull(queue, Math.ceil(left / latest.length), standingMs);
    }
  }

  function pull(queue: WorkQueue, batch: number, expiresMs?: number) {
    const { events: stream } = broker.streams;
    const waits = expiresMs === undefined ? {} : { expiresMs };
    puller.pull(
      { stream, consumer: queue.name, batch, ...waits },
      {
        onDelivery: (delivery) => onDelivery(delivery, queue),
        onEnd: (end) => ended(queue, end),
      },
    );
  }

  function ended(queue: WorkQueue, end: PullEnd) {
    if (end !== "lost") onAnswer();
    scheduler.notePullEnd(queue, end);
    pullWork();
  }

  return pullWork;
}
