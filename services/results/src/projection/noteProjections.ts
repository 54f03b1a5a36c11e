import type { BrokerClock } from "@jetscribe/event-log/broker/brokerClock";
import type { Broker } from "@jetscribe/event-log/broker/connection";
import { elapsedMs } from "@jetscribe/event-log/broker/elapsed";
import { hearProjections } from "@jetscribe/event-log/signals/signals";
import type { ProjectionAnnouncement } from "@jetscribe/schema";
import type { TaskWriter } from "@jetscribe/task-store";
import type { Role } from "./projection.ts";

/** Keeps how far the other readers of the log are, for as long as they are away: they are waited for. */
export function noteProjections(
  broker: Broker,
  { noteProjection }: Pick<TaskWriter, "noteProjection">,
  clock: Pick<BrokerClock, "nowMs">,
  role: () => Role,
): Disposable {
  const stalledFor = noteProgress();
  return hearProjections(broker, (heartbeat) => {
    const stalledMs = stalledFor(heartbeat);
    if (stalledMs === undefined || !role().leading) return;
    // Where Redis is away: they say it again.
    noteProjection(
      heartbeat.name,
      heartbeat.seq,
      clock.nowMs() - stalledMs,
    ).catch(() => undefined);
  });
}

/**
 * Tells of each announcement for how many ms its reader has not got on, 0 where it has the whole log; undefined where
 * the announcement does not say how far a reader is. So a reader that stands still is given up like a silent one.
 */
export function noteProgress(
  now = elapsedMs,
): (heartbeat: ProjectionAnnouncement) => number | undefined {
  const progress = new Map<string, { seq: number; at: number }>();
  return ({ name, seq, leading, caught_up, error }) => {
    if (name === "results" || !leading || error !== undefined) return undefined;
    const before = progress.get(name);
    if (before?.seq === seq && !caught_up) return now() - before.at;
    progress.set(name, { seq, at: now() });
    return 0;
  };
}
