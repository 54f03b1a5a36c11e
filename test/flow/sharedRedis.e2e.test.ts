/** Two whole systems that share one database of Redis with each other, and with anybody. */
import { eventually, startStack } from "@jetscribe/testing";
import assert from "node:assert/strict";
import { test } from "vitest";
import { redisCommands } from "../chaos/wire/redis.ts";
import { call, outcomes, postMany } from "./client.ts";

const prefixes = ["jetscribe:", "team:two:"];
const foreign = ["checkpoint", "queues", "task:1", "jetscribe", "team:task:1"];

test("each system answers its own tasks, and every key is one's or the other's", async () => {
  const env = { ENGINE: "fake" };
  await using first = await startStack({ env });
  const redis = async (...command: string[]) =>
    (await redisCommands(first.redis.port, [command]))[0];
  await redis("MSET", ...foreign.flatMap((key) => [key, "another's"]));
  const shared = { REDIS_URL: first.redisUrl, REDIS_PREFIX: "team:two:" };
  await using second = await startStack({ env: { ...env, ...shared } });

  const systems = [first, second];
  const ids = await Promise.all(systems.map((stack) => postMany(stack, 100)));
  for (const [i, stack] of systems.entries()) {
    for (const { status } of await outcomes(stack, ids[i] ?? []))
      assert.equal(status, "completed");
    const [other = ""] = ids[1 - i] ?? [];
    assert.equal((await call(stack, `/status/${other}`)).status, 404);
    const keys = (ids[i] ?? []).map((id) => `${prefixes[i]}task:${id}`);
    await eventually(
      async () => (await redis("EXISTS", ...keys)) === keys.length,
    );
  }
  const keys = (await redis("KEYS", "*")) as string[];
  const bare = keys.filter((key) => !prefixes.some((p) => key.startsWith(p)));
  assert.deepEqual(bare.toSorted(), foreign.toSorted());
  const channels = (await redis("PUBSUB", "CHANNELS")) as string[];
  assert.deepEqual(
    channels.toSorted(),
    prefixes.map((prefix) => `${prefix}done`),
  );
});
