/** What the broker says on the way: nothing is acknowledged whose outcome is not in the log. */
import { setTimeout as sleep } from "node:timers/promises";
import { connectWitness } from "./connectWitness.ts";
import { readWorkQueues } from "./evidence.ts";
import type { Fleet } from "./fleet.ts";
import { foldLog } from "./foldLog.ts";
import type { LogReader } from "./readLog.ts";

export interface Watch extends AsyncDisposable {
  readonly sightings: readonly string[];
}

const everyMs = 500;

export function watchQueues(fleet: Fleet, log: LogReader): Watch {
  const sightings = new Set<string>();
  const stop = new AbortController();
  const fold = foldLog();

  async function look(): Promise<void> {
    using broker = await connectWitness(fleet);
    const queues = await readWorkQueues(broker);
    // Read after the queues: an outcome comes before its acknowledgement.
    fold.advance(await log.read());
    for (const { name, ackFloor } of queues)
      for (const { id, seq, queue } of fold.open.values())
        if (queue === name && seq <= ackFloor)
          sightings.add(`${id}: acknowledged before its outcome`);
  }

  async function watch(): Promise<void> {
    while (!stop.signal.aborted) {
      // While the broker is down there is nothing to see.
      await look().catch(() => undefined);
      await sleep(everyMs);
    }
  }

  const watching = watch();
  return {
    get sightings() {
      return [...sightings];
    },
    async [Symbol.asyncDispose]() {
      stop.abort();
      await watching;
    },
  };
}
