/**
 * Names of models that are one in subjects and queues, announced by different workers: each of these would answer what
 * the other was asked.
 */
import type { WorkersHeard } from "@jetscribe/event-log/signals/workersHeard";
import type { Logger } from "@jetscribe/runtime";
import { slugOf, type WorkerAnnouncement } from "@jetscribe/schema";

/** By slug: the names, where living workers have several for it. */
export type Clashes = ReadonlyMap<string, readonly string[]>;

export interface NameClashes extends Disposable {
  /** As they were at the last look. */
  known: () => Clashes;
  /** At once, and not only when the next second is over. */
  look: () => void;
}

/** A worker that falls silent takes its clash with it. */
const lookEveryMs = 1_000;

export function clashesOf(
  workers: readonly Pick<WorkerAnnouncement, "model">[],
): Clashes {
  const names = new Set(workers.map(({ model }) => model));
  const bySlug = Map.groupBy([...names].sort(), slugOf);
  return new Map([...bySlug].filter(([, alike]) => alike.length > 1));
}

/** Logs each clash when it is first seen. */
export function watchNameClashes(
  workers: Pick<WorkersHeard, "all">,
  log: Pick<Logger, "error">,
): NameClashes {
  let clashes: Clashes = new Map();

  function look() {
    const before = clashes;
    clashes = clashesOf(workers.all());
    for (const [slug, models] of clashes)
      if (before.get(slug)?.join() !== models.join())
        log.error({ slug, models }, "the names of two models have one slug");
  }

  const timer = setInterval(look, lookEveryMs);
  return {
    known: () => clashes,
    look,
    [Symbol.dispose]: () => clearInterval(timer),
  };
}
