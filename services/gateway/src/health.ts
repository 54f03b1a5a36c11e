import type { Broker } from "@jetscribe/event-log/connection";
import type { HealthResponse } from "@jetscribe/schema";
import type { TaskReader } from "@jetscribe/task-store";
import { waitErrorOf } from "./waitError.ts";
import type { WorkersHeard } from "@jetscribe/event-log/workersHeard";

/** Healthy: both servers answer, and some worker has its model loaded and produces tokens. */
export function makeHealth(
  broker: Pick<Broker, "connected">,
  reader: Pick<TaskReader, "ping" | "waits">,
  workers: Pick<WorkersHeard, "all">,
): () => Promise<HealthResponse> {
  return async () => {
    const [redis, waits] = await Promise.all([
      reader.ping().then(
        () => true,
        () => false,
      ),
      reader.waits().catch(() => []),
    ]);
    const wait_error = waitErrorOf(waits);
    const nats = broker.connected;
    const heard = workers.all().map(({ tasks, leaving: _, ...word }) => ({
      ...word,
      busy: tasks.length,
    }));
    const works = heard.some(
      ({ model_loaded, live = true }) => model_loaded && live,
    );
    const status = nats && redis && works ? "healthy" : "unhealthy";
    return {
      ...{ status, nats, redis, workers: heard },
      ...(wait_error && { wait_error }),
    };
  };
}
