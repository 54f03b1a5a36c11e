/** Poison is no hook in the product: the harness kills the engine at each start of such a task. */
import { setTimeout as sleep } from "node:timers/promises";
import { connectWitness } from "./connectWitness.ts";
import type { Fleet } from "./fleet.ts";
import type { Journal } from "./journal.ts";

export interface Poison extends AsyncDisposable {
  add(taskId: string): void;
}

export function spreadPoison(fleet: Fleet, journal: Journal): Poison {
  const poisonous = new Set<string>();
  const stop = new AbortController();

  function onStarted(body: Buffer): void {
    const { task_id, worker_id } = JSON.parse(body.toString()) as Record<
      string,
      string
    >;
    if (task_id === undefined || !poisonous.has(task_id)) return;
    const worker = fleet
      .of("inference")
      .find(({ workerId }) => workerId === worker_id);
    const pid = worker?.enginePid();
    if (worker === undefined || pid === undefined) return;
    const end = journal.begin("poison", worker.name, worker_id);
    process.kill(pid, "SIGKILL");
    end();
  }

  async function listen(): Promise<void> {
    while (!stop.signal.aborted) {
      try {
        using broker = await connectWitness(fleet);
        broker.subscribe("llm.events.started.>", ({ body }) => onStarted(body));
        while (!broker.closed && !stop.signal.aborted) await sleep(20);
      } catch {
        await sleep(100); // the broker is down
      }
    }
  }

  const listening = listen();
  return {
    add: (taskId) => void poisonous.add(taskId),
    async [Symbol.asyncDispose]() {
      stop.abort();
      await listening;
    },
  };
}
