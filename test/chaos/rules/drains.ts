/** A worker that is told to stop hands its tasks back, and another one goes on with them within seconds. */
import type { Evidence } from "../evidence.ts";
import { overlaps, type Entry } from "../journal.ts";
import type { LoggedEvent } from "../readLog.ts";
import { kindOf, type LoggedTask } from "../tasks.ts";

/** All workers of a model may be down at the same time, each for as long as a drain, a pause and a start take. */
const withinMs = 15_000;

export const checkDrains = (
  { journal }: Evidence,
  tasks: ReadonlyMap<string, LoggedTask>,
): string[] =>
  [...tasks.values()].flatMap(({ id, retries, events }) =>
    retries
      .filter(({ data }) => data["reason"] === "drain")
      .flatMap((drained) => {
        const next = events.find(({ seq }) => seq > drained.seq);
        const lateMs = (next?.time ?? NaN) - drained.time;
        return lateMs > withinMs && !isExcused(drained, next, journal)
          ? [`${id}: handed back, and ${next && kindOf(next)} only ${lateMs} ms later`] // prettier-ignore
          : [];
      }),
  );

/** By anything but that workers are told to stop. */
const isExcused = (
  { time }: LoggedEvent,
  next: LoggedEvent | undefined,
  journal: readonly Entry[],
): boolean =>
  journal.some(
    (entry) =>
      !entry.fault.startsWith("stop-inference") &&
      !entry.fault.startsWith("steal-") &&
      overlaps(entry, time, next?.time ?? Infinity),
  );
