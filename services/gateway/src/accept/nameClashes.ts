/**
 * Names of models that are one in subjects and queues, announced by different workers: each of these would answer what
 * the other was asked.
 */
import type { WorkersHeard } from "@jetscribe/event-log/signals/workersHeard";
import type { Logger } from "@jetscribe/runtime";
import { slugOf, type WorkerAnnouncement } from "@jetscribe/schema";

export type NameClashes = ReturnType<typeof watchNameClashes>;

/** A worker that falls silent takes its clash with it. */
const lookEveryMs = 1_000;

/** By slug: the names, where living workers have several for it. */
export function clashesOf(
  workers: readonly Pick<WorkerAnnouncement, "model">[],
): ReadonlyMap<string, readonly string[]> {
  const names = new Set(workers.map(({ model }) => model));
  const bySlug = Map.groupBy([...names].sort(), slugOf);
  return new Map([...bySlug].filter(([, alike]) => alike.length > 1));
}

/** Logs each clash when it is first seen. */
export function watchNameClashes(
  workers: Pick<WorkersHeard, "all">,
  log: Pick<Logger, "error">,
) {
  let clashes = clashesOf([]);

  function look() {
    const before = clashes;
    clashes = clashesOf(workers.all());
    for (const [slug, models] of clashes)
      if (before.get(slug)?.join() !== models.join())
        log.error({ slug, models }, "the names of two models have one slug");
  }

  const timer = setInterval(look, lookEveryMs);
  return {
    /** As they were at the last look. */
    known: () => clashes,
    /** Looks at once, and not only when the next second is over. */
    look,
    [Symbol.dispose]: () => clearInterval(timer),
  };
}
