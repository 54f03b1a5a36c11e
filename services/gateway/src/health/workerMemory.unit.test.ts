import type { WorkerAnnouncement } from "@jetscribe/schema";
import type { Store } from "@jetscribe/task-store";
import { eventually } from "@jetscribe/testing";
import { test } from "vitest";
import { makeWorkerMemory } from "./workerMemory.ts";

const word = (more: Partial<WorkerAnnouncement> = {}): WorkerAnnouncement => ({
  ...{ worker_id: "w", model: "demo", engine: "fake", slots: 1 },
  ...{ model_loaded: true, tasks: [], ...more },
});

/** Redis with one hash, which is away for as long as it is told. */
function startRedis() {
  const hash = new Map<string, string>();
  const redis = {
    away: false,
    hset: (_: string, values: Map<string, string>) =>
      answer(() => values.forEach((value, id) => hash.set(id, value))),
    hvals: () => answer(() => [...hash.values()]),
    hdel: (_: string, ...ids: string[]) =>
      answer(() => ids.filter((id) => hash.delete(id)).length),
  };
  const answer = <T>(read: () => T): Promise<T> =>
    redis.away ? Promise.reject(new Error("away")) : Promise.resolve(read());
  return { redis, hash };
}

test("a worker that says goodbye while Redis is away is not lost once it is back", async () => {
  const { redis, hash } = startRedis();
  const broker = { connected: true, onReconnect: () => () => undefined };
  const store = { redis } as unknown as Pick<Store, "redis">;
  using memory = makeWorkerMemory(broker, store, () => Date.now() / 1_000);
  memory.note(word());
  await eventually(() => hash.has("w"));
  redis.away = true;
  memory.note(word({ leaving: true }));
  redis.away = false;
  await eventually(() => !hash.has("w"));
  // One that comes back is remembered again.
  redis.away = true;
  memory.note(word());
  memory.note(word({ leaving: true }));
  memory.note(word());
  redis.away = false;
  await eventually(() => hash.has("w"));
});
