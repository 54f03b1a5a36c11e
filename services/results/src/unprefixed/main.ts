/**
 * The operator's command after an upgrade from a version without REDIS_PREFIX: lists the keys that it left in Redis, asks,
 * and removes them. `npm run redis:remove-unprefixed`, in a container `node services/results/src/unprefixed/main.ts`.
 */
import {
  connectWithinMs,
  readConfig,
  RedisSettings,
  runCommand,
  type Confirm,
} from "@jetscribe/runtime";
import {
  connectStore,
  findUnprefixed,
  removeUnprefixed,
} from "@jetscribe/task-store";

const usage = "npm run redis:remove-unprefixed [-- --yes]";

await runCommand({ usage, forms: [""] }, listAndRemove);

async function listAndRemove(_form: string, confirm: Confirm): Promise<number> {
  const { REDIS_URL: url } = readConfig(RedisSettings, process.env);
  await using store = connectStore({
    ...{ url, prefix: "", name: "unprefixed" },
    silenceMs: connectWithinMs,
  });
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
  const refusal =
    "Nothing was removed. To remove them without a question: --yes";
  if (!(await confirm(`Remove these ${total} keys?`, refusal))) return 1;
  await removeUnprefixed(store.redis);
  console.log("Done.");
  return 0;
}
