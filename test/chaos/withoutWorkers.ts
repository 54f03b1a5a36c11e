/** A moment without workers: every one of them drains, and is started again afterwards. */
import type { Fleet } from "./fleet.ts";
import type { Journal } from "./journal.ts";

export async function withoutWorkers<T>(
  fleet: Fleet,
  journal: Journal,
  what: () => Promise<T>,
): Promise<T> {
  const workers = fleet.of("inference");
  const ends = workers.map(({ name, workerId }) =>
    journal.begin("stop-inference", name, workerId),
  );
  await Promise.all(workers.map((worker) => worker.stop()));
  try {
    return await what();
  } finally {
    for (const worker of workers) worker.start();
    for (const end of ends) end();
  }
}
