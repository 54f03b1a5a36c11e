/**
 * The operator's command after an upgrade from a version without REDIS_PREFIX: lists the keys that it left in Redis, asks,
 * and removes them. `npm run redis:remove-unprefixed`, in a container `node services/results/src/unprefixed/main.ts`.
 *
 * Exit codes: 0 done, or nothing to do; 1 nothing was removed, or not all; 64 wrong use; 78 wrong settings.
 */
import {
  ConfigError,
  configExitCode,
  isConfirmed,
  readConfig,
  RedisSettings,
} from "@jetscribe/runtime";
import {
  connectStore,
  findUnprefixed,
  removeUnprefixed,
} from "@jetscribe/task-store";
import { parseArgs } from "node:util";

const usage = "npm run redis:remove-unprefixed [-- --yes]";
const usageExitCode = 64;
/** The services wait for ever, a person doesn't. */
const connectWithinMs = 10_000;

process.exitCode = await main().catch((error: unknown) => {
  console.error(error instanceof Error ? error.message : error);
  return error instanceof ConfigError ? configExitCode : 1;
});

async function main(): Promise<number> {
  const options = readOptions();
  if (options === undefined) {
    console.error(`usage: ${usage}`);
    return usageExitCode;
  }
  const { REDIS_URL: url } = readConfig(RedisSettings, process.env);
  await using store = connectStore({ url, prefix: "", name: "unprefixed" });
  await store.whenReady(connectWithinMs);
  if (!store.ready()) throw new Error("Redis can't be reached: see REDIS_URL");
  const counts = new Map<string, number>();
  for await (const keys of findUnprefixed(store.redis))
    for (const key of keys) {
      const kind = key.replace(/^(task|queue|open):.*/, "$1:…");
      counts.set(kind, (counts.get(kind) ?? 0) + 1);
    }
  const total = [...counts.values()].reduce((sum, count) => sum + count, 0);
  if (total === 0) {
    console.log("An earlier version has left no keys without a prefix.");
    return 0;
  }
  console.log("An earlier version has left these keys without a prefix:");
  for (const [kind, count] of counts)
    console.log(`${String(count).padStart(10)}  ${kind}`);
  if (!options.yes && !(await isConfirmed(`Remove these ${total} keys?`))) {
    console.error(
      "Nothing was removed. To remove them without a question: --yes",
    );
    return 1;
  }
  await removeUnprefixed(store.redis);
  console.log("Done.");
  return 0;
}

function readOptions() {
  try {
    return parseArgs({ options: { yes: { type: "boolean" } } }).values;
  } catch {
    return undefined;
  }
}
