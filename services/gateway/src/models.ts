/** Which models can be asked for: the default, each that a worker announced, each that has a work queue. */
import type { Broker } from "@jetscribe/event-log/connection";
import { listWorkQueues } from "@jetscribe/event-log/topology";
import { slugOf } from "@jetscribe/schema";
import { ApiError, unavailable } from "./apiError.ts";
import type { NameClashes } from "./nameClashes.ts";

export interface Models extends Disposable {
  /** Takes note of a model that a worker announced, as people see it. */
  note: (name: string) => void;
  /**
   * The model's own name, by a name for it; the default's for none. Rejects with an ApiError that lists the known ones,
   * or names those that it can't be told from.
   */
  choose: (wanted?: string) => Promise<string>;
}

/** The queues are not listed more often than this, whatever is asked for. */
const listEveryMs = 1_000;

export function makeModels(
  broker: Broker,
  defaultName: string,
  clashes: Pick<NameClashes, "known">,
): Models {
  /** By slug. */
  const names = new Map<string, string>();
  /** Slugs; nobody says what people call a model whose workers are down. */
  let queued = new Set<string>();
  let listing: Promise<void> | undefined;
  let listedAt = -Infinity;
  // A broker that comes back may be another one.
  const forget = broker.onReconnect(() => (listedAt = -Infinity));

  const note = (name: string) => void names.set(slugOf(name), name);
  note(defaultName);

  async function list(): Promise<void> {
    const queues = await listWorkQueues(broker);
    queued = new Set(queues.map(({ queue }) => queue.model));
    listedAt = performance.now();
  }

  async function look(): Promise<void> {
    if (performance.now() - listedAt < listEveryMs) return;
    listing ??= list().finally(() => (listing = undefined));
    await listing.catch((cause: unknown) => {
      throw unavailable("the known models can't be looked up", cause);
    });
  }

  async function choose(wanted?: string): Promise<string> {
    const slug = slugOrNone(wanted ?? defaultName);
    const alike = clashes.known().get(slug)?.join(" and ");
    if (alike !== undefined)
      throw unavailable(
        `there are workers of ${alike}: these names can't be told apart, so one model would answer for the other`,
      );
    if (wanted === undefined) return defaultName;
    const name = names.get(slug);
    if (name !== undefined) return name;
    await look();
    if (queued.has(slug)) return wanted;
    const unnamed = [...queued].filter((one) => !names.has(one));
    const known = [...names.values(), ...unnamed].sort().join(", ");
    const message = `there is no such model; there are: ${known}`;
    throw new ApiError("invalid_request", "see: model", {
      fields: [{ field: "model", message }],
    });
  }

  return { note, choose, [Symbol.dispose]: forget };
}

/** Names need a letter or a digit. */
function slugOrNone(name: string): string {
  try {
    return slugOf(name);
  } catch {
    return "";
  }
}
