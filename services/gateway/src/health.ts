import type { Broker } from "@jetscribe/event-log/connection";
import type { HealthResponse } from "@jetscribe/schema";
import type { TaskReader } from "@jetscribe/task-store";
import type { WorkersHeard } from "@jetscribe/event-log/workersHeard";

/** Healthy: both servers answer, and some worker has its model loaded. */
export function makeHealth(
  broker: Pick<Broker, "connected">,
  reader: Pick<TaskReader, "ping">,
  workers: Pick<WorkersHeard, "all">,
): () => Promise<HealthResponse> {
  return async () => {
    const redis = await reader.ping().then(
      () => true,
      () => false,
    );
    const nats = broker.connected;
    const heard = workers.all().map(({ tasks, leaving: _, ...word }) => ({
      ...word,
      busy: tasks.length,
    }));
    const works = heard.some(({ model_loaded }) => model_loaded);
    const status = nats && redis && works ? "healthy" : "unhealthy";
    return { status, nats, redis, workers: heard };
  };
}
