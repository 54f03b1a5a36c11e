/** How far the results service has read the log, for tests that take something out of it. */
import type { Broker } from "@jetscribe/event-log/broker/connection";
import { streamState } from "@jetscribe/event-log/broker/streamState";
import { connectStore, makeTaskReader } from "@jetscribe/task-store";
import { eventually, redisPrefix, type Stack } from "@jetscribe/testing";

/** Resolves once Redis has all that the log has now, with the log's last sequence then. */
export async function allProjected(
  { redisUrl: url }: Stack,
  broker: Broker,
): Promise<number> {
  await using store = connectStore({
    ...{ url, prefix: redisPrefix, name: "test" },
    silenceMs: 60_000,
  });
  const reader = makeTaskReader(store);
  const { lastSeq } = await streamState(broker, broker.streams.events);
  await eventually(async () => {
    const { checkpoint } = await reader.look([]);
    return checkpoint !== undefined && checkpoint.seq >= lastSeq;
  });
  return lastSeq;
}
