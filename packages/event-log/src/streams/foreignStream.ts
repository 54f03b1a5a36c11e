/** Streams of other applications on a shared broker. They are named to the operator, and never changed. */
import type { Broker } from "../broker/connection.ts";
import { orMissing } from "../broker/streamState.ts";
import type { WantedStream } from "./streamDifferences.ts";

const advice =
  "set NAMESPACE to a name that nothing else on the broker uses, and this system's streams and subjects begin with it";

/**
 * Why a stream can't be ours, in one sentence: it is there with other subjects, or it is missing and another stream takes
 * what belongs into it; the latter is asked where it is to be made. Undefined where nothing is in the way. Rejects where
 * the broker can't be asked.
 */
export async function whyForeign(
  broker: Broker,
  { name, subjects = [] }: WantedStream,
  toBeMade: boolean,
): Promise<string | undefined> {
  const found = await orMissing(broker.jsm.streams.info(name));
  if (found === undefined)
    return toBeMade ? await whyTaken(broker, name, subjects) : undefined;
  const { subjects: theirs = [] } = found.config;
  return isSame(subjects, theirs)
    ? undefined
    : `stream ${name} belongs to another application (its subjects are ${wordsOf(theirs)}, not ${wordsOf(subjects)}): ${advice}`;
}

/** The server refuses subjects that overlap, but doesn't say whose they are. */
async function whyTaken(
  broker: Broker,
  name: string,
  subjects: readonly string[],
): Promise<string | undefined> {
  const ours = new Set(Object.values(broker.streams));
  // A stream would answer a question to the results service with a PubAck, before that does.
  const { index, list, moment, density, statistics, metrics } = broker.subjects;
  const asked =
    name === broker.streams.events
      ? [index, list, moment, density, statistics, metrics]
      : [];
  for (const subject of [...subjects, ...asked])
    for await (const other of broker.jsm.streams.names(subject))
      if (!ours.has(other))
        return `stream ${other} belongs to another application and takes messages of ${subject}, which this system needs: ${advice}`;
  return undefined;
}

const isSame = (ours: readonly string[], theirs: readonly string[]) =>
  ours.length === theirs.length && ours.every((one) => theirs.includes(one));

const wordsOf = (subjects: readonly string[]) => subjects.join(", ") || "none";
