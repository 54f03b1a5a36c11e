/** The quick way in which a cancel arrives; the durable one is the look into the log at each renewal of a lease. */
import type { Broker } from "@jetscribe/event-log/broker/connection";
import { hearCancelled } from "@jetscribe/event-log/signals/signals";
import { rememberCancelForMs } from "@jetscribe/schema";

/** Hears the cancels of a model's tasks (a slug), and remembers each for 60 s: its delivery may come after it. */
export function hearCancels(
  broker: Broker,
  model: string,
  onCancelled: (taskId: string) => void,
): Disposable & { wasCancelled: (taskId: string) => boolean } {
  /** In order of time. */
  const heardAt = new Map<string, number>();

  function forgetOld(): void {
    for (const [id, at] of heardAt) {
      if (performance.now() - at < rememberCancelForMs) return;
      heardAt.delete(id);
    }
  }

  const hearing = hearCancelled(broker, model, (id) => {
    forgetOld();
    heardAt.set(id, performance.now());
    onCancelled(id);
  });
  return {
    wasCancelled(taskId) {
      forgetOld();
      return heardAt.has(taskId);
    },
    [Symbol.dispose]: () => hearing[Symbol.dispose](),
  };
}
