/** A quiet moment with a queue: the workers are held, tasks line up, and every one of them is told its place. */
import { setTimeout as sleep } from "node:timers/promises";
import type { Fleet } from "./fleet.ts";
import type { Journal } from "./journal.ts";
import type { Load } from "./load.ts";
import type { PlacesWatch } from "./watchPlaces.ts";
import { withoutWorkers } from "./withoutWorkers.ts";

const lineLength = 12;
const patienceMs = 60_000;

/** What was wrong, where not every place could be seen. */
export async function lineUp(
  fleet: Fleet,
  journal: Journal,
  load: Load,
  places: PlacesWatch,
): Promise<string[]> {
  const [accepted, seen] = await withoutWorkers(
    fleet,
    journal,
    async (): Promise<[number, number]> => {
      const { length } = await load.more(lineLength);
      const goal = places.compared.positions + length;
      const until = performance.now() + patienceMs;
      while (places.compared.positions < goal && performance.now() < until) {
        await places.lookAtAll().catch(() => undefined);
        await sleep(100);
      }
      return [length, places.compared.positions - goal + length];
    },
  );
  return accepted > 0 && seen >= accepted
    ? []
    : [`of ${accepted} tasks in a line ${seen} had a place`];
}
