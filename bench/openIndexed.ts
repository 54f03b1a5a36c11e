/** A system that answers from its task index alone, without Redis, and a log that is filled by hand. */
import {
  connectBroker,
  type Broker,
} from "@jetscribe/event-log/broker/connection";
import { streamState } from "@jetscribe/event-log/broker/streamState";
import { askTaskIndex } from "@jetscribe/event-log/read/taskIndex";
import { newTaskId, streams } from "@jetscribe/schema";
import { startStack } from "@jetscribe/testing";
import { setTimeout as sleep } from "node:timers/promises";
import { openConnection } from "./connection.ts";

/** Resolves when the gateway answers. `maxBytes`: of the log. */
export async function openIndexed(maxBytes: number) {
  await using opened = new AsyncDisposableStack();
  const stack = opened.use(
    await startStack({
      services: ["gateway", "results"],
      env: { API_KEYS: "a:key-of-a", EVENTS_MAX_BYTES: String(maxBytes) },
      healthyWithinMs: 0,
    }),
  );
  // The index needs no Redis, and so many tasks would take long to be projected into it.
  await stack.redis.kill();
  const broker = opened.use(
    await connectBroker({ url: stack.natsUrl, name: "bench" }),
  );
  const connection = openConnection(Number(new URL(stack.url).port));
  opened.defer(() => connection.close());
  const ask = (path: string) =>
    connection.send(
      `GET ${path} HTTP/1.1\r\nHost: bench\r\nX-API-Key: key-of-a\r\n\r\n`,
    );
  while ((await ask("/tasks?limit=1")).status !== 200) await sleep(100);
  const all = opened.move();
  const { url } = stack;
  return { url, broker, ask, [Symbol.asyncDispose]: () => all.disposeAsync() };
}

/** The log's end, once the index has read it. */
export async function indexed(broker: Broker) {
  const end = await streamState(broker, streams.events);
  while ((await askTaskIndex(broker, newTaskId(), end)) === undefined)
    await sleep(100);
  return end;
}
