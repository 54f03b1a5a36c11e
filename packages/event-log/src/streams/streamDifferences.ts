/** Pure: an existing stream against the settings of a service that meets it. */
import type { Names } from "@jetscribe/schema";
import type { StreamConfig } from "@nats-io/jetstream";
import { differences } from "./readBack.ts";

export type WantedStream = Partial<StreamConfig> & { name: string };

/** A field of a stream that stands otherwise than the settings say. */
export interface StreamDifference {
  stream: string;
  /** As the broker names it: `max_bytes`. */
  field: string;
  wanted: unknown;
  found: unknown;
}

/** What no server changes on a stream that is there. */
const fixed: ReadonlySet<string> = new Set(["name", "max_consumers"]);

export const differencesOf = (
  wanted: WantedStream,
  found: StreamConfig,
): StreamDifference[] => {
  const values = (config: object) => new Map(Object.entries(config));
  const [ours, theirs] = [values(wanted), values(found)];
  return differences(wanted, found)
    .filter((field) => !fixed.has(field))
    .map((field) => ({
      stream: wanted.name,
      field,
      wanted: ours.get(field) as unknown,
      found: theirs.get(field) as unknown,
    }));
};

/** Whether services can work with it: other sizes and copies, another age of what is no truth, another live feed. */
export function isBearable(
  { stream, field, found }: StreamDifference,
  { streams }: Pick<Names, "streams">,
) {
  switch (field) {
    case "max_bytes":
      // The gateways' limit follows from it.
      return stream !== streams.events || Number(found) > 0;
    case "max_age":
      return stream !== streams.events;
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
