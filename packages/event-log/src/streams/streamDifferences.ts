/** Pure: a stream or a consumer as the broker has it, against what it was asked for. */
import type { Names } from "@jetscribe/schema";
import type { StreamConfig } from "@nats-io/jetstream";

export type WantedStream = Partial<StreamConfig> & { name: string };

/** A field of a stream that stands otherwise than the settings say. */
export interface StreamDifference {
  stream: string;
  /** As the broker names it: `max_bytes`. */
  field: string;
  wanted: unknown;
  found: unknown;
}

/** The fields of `wanted` that stand otherwise in `made`. */
export function differences(wanted: object, made: object) {
  const values = new Map<string, unknown>(Object.entries(made));
  return Object.entries(wanted)
    .map(([field, value]: [string, unknown]) => ({
      field,
      wanted: value,
      found: values.get(field),
    }))
    .filter(({ wanted, found }) => !isSame(wanted, found));
}

function isSame(wanted: unknown, made: unknown): boolean {
  if (typeof wanted !== "object" || wanted === null) return wanted === made;
  if (typeof made !== "object" || made === null) return false;
  return differences(wanted, made).length === 0;
}

/** What no server changes on a stream that is there. */
const fixed: ReadonlySet<string> = new Set(["name", "max_consumers"]);

export const differencesOf = (
  wanted: WantedStream,
  found: StreamConfig,
): StreamDifference[] =>
  differences(wanted, found)
    .filter(({ field }) => !fixed.has(field))
    .map((difference) => ({ stream: wanted.name, ...difference }));

/** Whether services can work with it: other sizes and copies, another age of what is no truth, another live feed. */
export function isBearable(
  { stream, field, found, wanted }: StreamDifference,
  { streams }: Pick<Names, "streams">,
) {
  switch (field) {
    case "max_bytes":
      // The gateways' limit follows from it.
      return stream !== streams.events || Number(found) > 0;
    case "max_age":
      // A key that is forgotten early would make a second task.
      if (stream === streams.idempotency)
        return Number(found) === 0 || Number(found) >= Number(wanted);
      return stream !== streams.events && stream !== streams.keys;
    case "num_replicas":
    case "republish":
      return true;
    default:
      return false;
  }
}

/** `max_bytes is 1048576, wanted is 2097152`. */
export const wordsOf = ({ field, wanted, found }: StreamDifference) =>
  `${field} is ${JSON.stringify(found) ?? "not set"}, wanted is ${JSON.stringify(wanted)}`;
