/**
 * When which queue is pulled, and for how many.
 *
 *   idle ──hint, sweep──▶ takes turns ──no_wait pull──▶ asked ──more waits──▶ takes turns
 *                                                         └──empty──▶ idle, with a standing pull on the latest few
 *
 * A hint can come before its message can be pulled, so the latest queues have a standing pull; and redeliveries send
 * no hint, so a sweep looks at all queues every few seconds.
 */
import type { Broker } from "../broker/connection.ts";
import type { Delivery, PullEnd, Puller } from "../read/pull.ts";
import type { Rota, WorkQueue } from "./rota.ts";

const standingMs = 2_000;

/** Returns the way to ask for as many deliveries as there are free slots. */
export function makeAsk(
  broker: Broker,
  {
    rota,
    puller,
    free,
    onDelivery,
    onAnswer,
  }: {
    rota: Rota;
    puller: Puller;
    /** How many deliveries more may be in hand. */
    free: () => number;
    onDelivery: (delivery: Delivery, queue: WorkQueue) => void;
    /** A pull was answered, if only with nothing. */
    onAnswer: () => void;
  },
): () => void {
  /** The credit of all no_wait pulls under way. */
  let asked = 0;
  let scheduled = false;

  /** Once per turn of the event loop, so that slots that become free together are asked for together. */
  function ask() {
    if (scheduled) return;
    scheduled = true;
    setImmediate(() => {
      scheduled = false;
      if (broker.connected) pullMore();
    });
  }

  function pullMore() {
    const left = free() - asked;
    if (left <= 0) return;
    for (const [queue, batch] of rota.next(left)) pullNow(queue, batch);
    // Where something is asked, its answer says what comes next.
    if (asked > 0) return;
    const latest = rota.recent();
    for (const queue of latest)
      if (!queue.standing) pullStanding(queue, Math.ceil(left / latest.length));
  }

  function pullNow(queue: WorkQueue, batch: number) {
    asked += batch;
    queue.asked = batch;
    puller.pull(
      { stream: broker.streams.events, consumer: queue.name, batch },
      {
        onDelivery: (delivery) => {
          asked--;
          queue.asked--;
          onDelivery(delivery, queue);
        },
        onEnd: (end, delivered) => {
          asked -= batch - delivered;
          queue.asked = 0;
          ended(queue, end);
        },
      },
    );
  }

  function pullStanding(queue: WorkQueue, batch: number) {
    rota.stands(queue);
    const consumer = queue.name;
    puller.pull(
      { stream: broker.streams.events, consumer, batch, expiresMs: standingMs },
      {
        onDelivery: (delivery) => onDelivery(delivery, queue),
        onEnd: (end) => {
          rota.stood(queue);
          ended(queue, end);
        },
      },
    );
  }

  function ended(queue: WorkQueue, end: PullEnd) {
    if (end !== "lost") onAnswer();
    if (end === "gone") rota.forget(queue);
    // Nothing is known of what it holds.
    if (end === "lost") rota.lost(queue);
    if (end === "empty") rota.empty(queue);
    ask();
  }

  return ask;
}
