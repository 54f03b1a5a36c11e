import type { Broker } from "@jetscribe/event-log/connection";
import { hearProjections } from "@jetscribe/event-log/signals";
import type { TaskWriter } from "@jetscribe/task-store";
import type { Role } from "./projection.ts";

/**
 * Keeps how far the other projections are, for as long as they are away. One that is catching up stands where it was
 * before: it reads faster than the log is written.
 */
export const noteProjections = (
  broker: Broker,
  { noteProjection }: Pick<TaskWriter, "noteProjection">,
  role: () => Role,
): Disposable =>
  hearProjections(broker, ({ name, seq, caught_up }) => {
    if (name === "results" || !caught_up || !role().leading) return;
    // Where Redis is away: they say it again.
    noteProjection(name, seq).catch(() => undefined);
  });
