/** One turn of `statistics.ts`, in a process of its own: prints the CPU time of a task in µs. */
import { cpuUsOf, lifeOf, noteLife, openFold } from "./folding.ts";

const [tasks = 0, flushEvery = 1, withStatistics = 1] = process.argv
  .slice(2)
  .map(Number);

/** Until V8 has compiled what a task goes through. */
const WARM_UP_TASKS = 5_000;

/** Takes in the tasks from `first` on, and writes as often as is said; without statistics only the place in the log. */
function take(
  { file, folded }: ReturnType<typeof openFold>,
  lives: readonly ReturnType<typeof lifeOf>[],
): void {
  for (const [i, life] of lives.entries()) {
    if (withStatistics) noteLife(folded, life);
    if ((i + 1) % flushEvery !== 0) continue;
    file.atomically(() => {
      if (withStatistics) folded.write();
      file.sql.run`INSERT OR REPLACE INTO position VALUES (1, ${i})`;
    });
  }
}

using fold = openFold();
const lives = Array.from({ length: WARM_UP_TASKS + tasks }, (_, i) =>
  lifeOf(i),
);
take(fold, lives.slice(0, WARM_UP_TASKS));
const measured = lives.slice(WARM_UP_TASKS);
console.log(cpuUsOf(tasks, () => take(fold, measured)));
