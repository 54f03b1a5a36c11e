/**
 * Workers are told of scheduled tasks at their time: the broker delivers such a task again then, to whoever asks, and a
 * worker asks the queues that it has reason to. Decision 0033.
 */
import type { BrokerClock } from "@jetscribe/event-log/broker/brokerClock";
import type { Broker } from "@jetscribe/event-log/broker/connection";
import { sendWake } from "@jetscribe/event-log/signals/signals";
import type { TaskReader } from "@jetscribe/task-store";
import type { Job } from "../projection/whileLeading.ts";

/** What is accepted meanwhile may be due sooner than what was known. */
const lookEveryMs = 1_000;
/** Tasks that become due within so short a time are looked at together. */
const notSoonerMs = 10;
/** The broker delivers by its own timer: a wake-up must not come before that. */
const afterMs = 5;

/** A look wakes the queues whose scheduled tasks became due since the look before; the first one, all that are due. */
export function wakeScheduled({
  broker,
  clock,
  reader,
}: {
  broker: Broker;
  clock: Pick<BrokerClock, "nowS" | "isRead">;
  reader: Pick<TaskReader, "due">;
}): Job {
  /** Up to here all were woken, in seconds since the epoch. */
  let woken = -Infinity;
  let everyMs = lookEveryMs;

  return {
    get everyMs() {
      return everyMs;
    },
    failed: "scheduled tasks can't be looked at",
    onTick(leads) {
      if (leads) return;
      woken = -Infinity;
      everyMs = lookEveryMs;
    },
    async look() {
      if (!clock.isRead()) return;
      const now = clock.nowS() - afterMs / 1_000;
      // A clock that was set back is no reason to wake nobody for as long.
      const { queues, next } = await reader.due(Math.min(woken, now), now);
      for (const queue of queues) sendWake(broker, queue);
      woken = now;
      const inMs = next === undefined ? Infinity : (next - now) * 1_000;
      everyMs = Math.max(notSoonerMs, Math.min(Math.ceil(inMs), lookEveryMs));
    },
  };
}
