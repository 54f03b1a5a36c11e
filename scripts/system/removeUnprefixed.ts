import { join } from "node:path";
import { fail } from "../install/print.mjs";
import { root, withDotEnv } from "../install/project.mjs";
import { privateServers } from "./privateServers.ts";

/**
 * `npm run redis:remove-unprefixed [-- --yes]`: removes the keys that a version without REDIS_PREFIX left in Redis. Without
 * REDIS_URL it is the private server of the running system.
 */
try {
  const env = withDotEnv();
  const servers = env["REDIS_URL"]
    ? {}
    : privateServers(env, "Redis by REDIS_URL");
  Object.assign(process.env, servers, env);
} catch (error) {
  fail(error);
}
process.chdir(root);
await import(join(root, "services/results/src/unprefixed/main.ts"));
