import type { Broker } from "@jetscribe/event-log/connection";
import { hearProjections } from "@jetscribe/event-log/signals";
import type { TaskWriter } from "@jetscribe/task-store";
import type { Role } from "./projection.ts";

/** Keeps how far the other readers of the log are, for as long as they are away: they are waited for. */
export const noteProjections = (
  broker: Broker,
  { noteProjection }: Pick<TaskWriter, "noteProjection">,
  role: () => Role,
): Disposable =>
  hearProjections(broker, ({ name, seq, leading }) => {
    if (name === "results" || !leading || !role().leading) return;
    // Where Redis is away: they say it again.
    noteProjection(name, seq).catch(() => undefined);
  });
