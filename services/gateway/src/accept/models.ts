/** Which models can be asked for: the default, each that a worker announced, each that was asked for before. */
import type { WorkersHeard } from "@jetscribe/event-log/signals/workersHeard";
import type { Logger } from "@jetscribe/runtime";
import {
  goneAfterMs,
  slugIfAny,
  slugOf,
  type WorkerAnnouncement,
} from "@jetscribe/schema";
import type { TaskReader } from "@jetscribe/task-store";
import { ApiError, unavailable } from "../apiError.ts";

export type Models = ReturnType<typeof makeModels>;

/** There is no such model. */
export class UnknownModel extends ApiError {}

/** The projection is not asked more often than this, whatever is asked for. */
const askEveryMs = 1_000;

/**
 * Made when the gateway begins to listen for workers. `allHeardAfterMs`: by then each worker that lives has announced
 * itself, so a name that is not known is no model's.
 */
export function makeModels(
  reader: Pick<TaskReader, "models" | "look">,
  defaultName: string,
  clashes: Pick<NameClashes, "known">,
  allHeardAfterMs = goneAfterMs,
) {
  const listeningSince = performance.now();
  /** By slug. */
  const names = new Map<string, string>();
  /** Slugs; nobody says what people call a model whose workers are down. */
  let asked = new Set<string>();
  let asking: Promise<void> | undefined;
  let askedAt = -Infinity;

  /** Takes note of a model that a worker announced, as people see it. */
  const note = (name: string) => void names.set(slugOf(name), name);
  note(defaultName);

  async function ask(): Promise<void> {
    const { checkpoint } = await reader.look([]);
    if (!checkpoint?.caughtUp) throw new Error("the projection is being built");
    asked = new Set(await reader.models());
    askedAt = performance.now();
  }

  async function look(): Promise<void> {
    if (performance.now() - askedAt < askEveryMs) return;
    asking ??= ask().finally(() => (asking = undefined));
    await asking.catch((cause: unknown) => {
      throw unavailable("the known models can't be looked up", cause);
    });
  }

  /**
   * The model's own name, by a name for it; the default's for none. Rejects with an ApiError that lists the known ones,
   * or names those that it can't be told from.
   */
  async function choose(wanted?: string): Promise<string> {
    const slug = slugIfAny(wanted ?? defaultName) ?? "";
    const alike = clashes.known().get(slug)?.join(" and ");
    if (alike !== undefined)
      throw unavailable(
        `there are workers of ${alike}: these names can't be told apart, so one model would answer for the other`,
      );
    if (wanted === undefined) return defaultName;
    const name = names.get(slug);
    if (name !== undefined) return name;
    await look();
    if (asked.has(slug)) return wanted;
    if (performance.now() - listeningSince < allHeardAfterMs)
      throw unavailable("the workers have not all been heard yet");
    const unnamed = [...asked].filter((slug) => !names.has(slug));
    const known = [...names.values(), ...unnamed].sort().join(", ");
    const message = `there is no such model; there are: ${known}`;
    throw new UnknownModel("invalid_request", "see: model", {
      fields: [{ field: "model", message }],
    });
  }

  return {
    note,
    choose,
    /** What people call the model of a slug; the slug where nobody said. */
    nameOf: (slug: string): string => names.get(slug) ?? slug,
    /** The default, and each that a worker announced, as people see them. */
    names: () => [...names.values()].sort(),
  };
}

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

/**
 * Names of models that are one in subjects and queues, announced by different workers: each of these would answer what
 * the other was asked. Logs each clash when it is first seen.
 */
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
