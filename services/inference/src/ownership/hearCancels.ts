/** The quick way in which a cancel arrives; the durable one is the look into the log at each renewal of a lease. */
import type { Broker } from "@jetscribe/event-log/broker/connection";
import { heardWithin } from "@jetscribe/event-log/broker/heardWithin";
import { hearCancelled } from "@jetscribe/event-log/signals/signals";
import { rememberCancelForMs } from "@jetscribe/schema";

/** Hears the cancels of a model's tasks (a slug), and remembers each for 60 s: its delivery may come after it. */
export function hearCancels(
  broker: Broker,
  model: string,
  onCancelled: (taskId: string) => void,
): Disposable & { wasCancelled: (taskId: string) => boolean } {
  const heard = heardWithin<"cancelled">(() => rememberCancelForMs);
  const hearing = hearCancelled(broker, model, (id) => {
    heard.note(id, "cancelled");
    onCancelled(id);
  });
  return {
    wasCancelled: (taskId) => heard.get(taskId) !== undefined,
    [Symbol.dispose]: () => hearing[Symbol.dispose](),
  };
}
