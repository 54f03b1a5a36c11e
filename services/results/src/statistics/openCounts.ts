/** How many tasks wait and run now, by model and lane and by owner. */
import type { Queue } from "@jetscribe/schema";
import { modelAndLane } from "./series.ts";

export interface Open {
  waiting: number;
  running: number;
}

export type OpenCounts = ReturnType<typeof makeOpenCounts>;

export function makeOpenCounts() {
  const byName = {
    model: new Map<string, Open>(),
    owner: new Map<string, Open>(),
  };

  function add(
    of: keyof typeof byName,
    name: string,
    state: keyof Open,
    by: number,
  ): void {
    const open = byName[of].get(name) ?? { waiting: 0, running: 0 };
    open[state] += by;
    byName[of].set(name, open);
  }

  return {
    addTo(queue: Queue, state: keyof Open, by: number): void {
      add("model", modelAndLane(queue), state, by);
      add("owner", queue.owner, state, by);
    },
    clear(): void {
      byName.model.clear();
      byName.owner.clear();
    },
    /** Those of the names that are meant, together. */
    sum(of: keyof typeof byName, isMeant: (name: string) => boolean): Open {
      const all = { waiting: 0, running: 0 };
      for (const [name, open] of byName[of]) {
        if (!isMeant(name)) continue;
        all.waiting += open.waiting;
        all.running += open.running;
      }
      return all;
    },
  };
}
