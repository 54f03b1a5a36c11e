/** The projections as they announce themselves; one that is silent for 6 s is away. */
import type { Broker } from "@jetscribe/event-log/broker/connection";
import { heardWithin } from "@jetscribe/event-log/broker/heardWithin";
import { hearProjections } from "@jetscribe/event-log/signals/signals";
import { goneAfterMs, type ProjectionAnnouncement } from "@jetscribe/schema";

/** What every system has. */
const always = ["logger", "results"];

export type ProjectionsHeard = ReturnType<typeof hearAllProjections>;

/** `webhooks`: whether the system has a webhooks service. One that was heard once is missed in any case. */
export function hearAllProjections(
  broker: Broker,
  { webhooks }: { webhooks: boolean },
) {
  const heard = heardWithin<ProjectionAnnouncement>(() => goneAfterMs);
  const since = performance.now();
  const read = new Map<string, number>();
  const hearing = hearProjections(broker, (heartbeat) => {
    if (!heartbeat.leading) return;
    heard.note(heartbeat.name, heartbeat);
    read.set(heartbeat.name, heartbeat.seq);
  });
  /** Nobody is away whom one has not listened to for so long. */
  const isAway = (name: string) =>
    heard.get(name) === undefined && performance.now() - since >= goneAfterMs;
  return {
    /** Of each that was heard lately the instance that writes, by its name. */
    all: () => heard.all().sort((a, b) => (a.name < b.name ? -1 : 1)),
    /** The sequence up to which each had read the log when it was last heard, also of one that is away. */
    read: (): ReadonlyMap<string, number> => read,
    /** The names of those that should be there and were silent for 6 s: their services are down, or end again and again. */
    away: () =>
      [
        ...always,
        ...(webhooks || read.has("webhooks") ? ["webhooks"] : []),
      ].filter(isAway),
    /** Whether the projection into Redis is there, and gets on. */
    projecting: () =>
      heard.get("results")?.error === undefined && !isAway("results"),
    [Symbol.dispose]: () => hearing[Symbol.dispose](),
  };
}
