/** What many queued tasks of several owners cost in memory. */
import { setTimeout as sleep } from "node:timers/promises";
import type { Figures, Options } from "./figures.ts";
import { perPart } from "./perPart.ts";
import type { Usage } from "./processes.ts";
import { startSystem, submit, type Part, type System } from "./system.ts";

const OWNERS = 10;
/** Times the number of tasks. */
const MANY = 60;
/** The processes give memory back late; this long after the last request it is read. */
const SETTLE_MS = 4_000;
/** The broker forgets message ids after two minutes, and gives memory back some minutes later. */
const FORGET_MS = 300_000;
const MB = 1e6;

/** Resident memory of all processes, with few and with many tasks queued. */
export async function queued({ tasks }: Options): Promise<Figures> {
  const few = tasks;
  const many = MANY * tasks;
  await using system = await startSystem({ busy: true, owners: OWNERS });
  const before = await queueUp(system, few);
  const after = await queueUp(system, many - few);
  await sleep(FORGET_MS);
  const later = system.usage();
  const of = `${many.toLocaleString("en")} tasks of ${OWNERS} owners queued`;
  return {
    [`${of}: resident, MB`]: megabytes(after),
    [`${of}: resident five minutes later, MB`]: megabytes(later),
    [`${of}: bytes per task above the first ${few.toLocaleString("en")}`]:
      perPart((part) =>
        Math.round(
          (after[part].resident - before[part].resident) / (many - few),
        ),
      ),
  };
}

const megabytes = (usage: Record<Part, Usage>) =>
  perPart((part) => Number((usage[part].resident / MB).toFixed(1)));

async function queueUp(
  system: System,
  count: number,
): Promise<Record<Part, Usage>> {
  const { driven } = await submit(system, count);
  if (driven.errors > 0) throw new Error(`${driven.errors} were refused`);
  await sleep(SETTLE_MS);
  return system.usage();
}
