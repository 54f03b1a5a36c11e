/** EVENTS is filled with tasks that wait, until no more are accepted; then the workers come back to all of them. */
import type { Fleet } from "./fleet.ts";
import type { Journal } from "./journal.ts";
import type { Load } from "./load.ts";
import { withoutWorkers } from "./withoutWorkers.ts";

/** So small that it is full within a second. */
export const fillEnv = { EVENTS_MAX_BYTES: String(2 * 2 ** 20) };
/** Their outcomes take more room than their requests. */
const tokens = 80;
const most = 4_000;

export async function fillLog(
  fleet: Fleet,
  journal: Journal,
  load: Load,
): Promise<void> {
  await withoutWorkers(fleet, journal, async () => {
    for (let posted = 0; posted < most; posted++)
      if ((await load.more(1, tokens)).length === 0) break;
  });
}
