/** A worker that nobody ever hears of again is first to start a task: for everybody else that start is another's. */
import { setTimeout as sleep } from "node:timers/promises";
import { connectWitness } from "./connectWitness.ts";
import type { Fault } from "./fault.ts";
import type { Fleet } from "./fleet.ts";
import type { Load } from "./load.ts";

const thief = "thief";
/** For the workers to try to start it, before the projection shows that it has been started. */
const unseenMs = 500;

export function stealStart(fleet: Fleet, load: Pick<Load, "more">): Fault {
  return {
    name: "steal-start",
    target: "start",
    worker: { workerId: thief },
    async run() {
      const [workers, results] = [fleet.of("inference"), fleet.of("results")];
      for (const member of [...workers, ...results]) member.freeze();
      try {
        const [task] = await load.more(1, 50);
        if (task?.taskId !== undefined)
          await start(fleet, task.taskId).catch(() => undefined); // The broker is away.
        for (const worker of workers) worker.thaw();
        await sleep(unseenMs);
      } finally {
        for (const member of [...workers, ...results]) member.thaw();
      }
    },
  };
}

async function start(fleet: Fleet, taskId: string): Promise<void> {
  using broker = await connectWitness(fleet);
  const now = new Date();
  const [id, type] = [`${taskId}.started.1`, "GenerateStarted"];
  await broker.request(
    "llm.events.started.demo.interactive.default",
    {
      ...{ task_id: taskId, attempt: 1, worker_id: thief },
      ...{ start_time: now.getTime() / 1_000, queue_wait_time: 0 },
    },
    {
      "ce-specversion": "1.0",
      "ce-id": id,
      "ce-source": "/jetscribe/inference",
      "ce-type": `jetscribe.${type}.v1`,
      "ce-subject": taskId,
      "ce-time": now.toISOString(),
      "ce-dataschema": `urn:jetscribe:event:${type}:v1`,
      "ce-datacontenttype": "application/json",
      "Nats-Msg-Id": id,
    },
  );
}
