import "./require-node.mjs";
import { fail } from "./print.mjs";
import { withDotEnv } from "./project.mjs";
import { runningHere, runTool } from "./tool.mjs";

/**
 * `npm run redis:remove-unprefixed [-- --yes]`: removes the keys that a version without REDIS_PREFIX left in Redis. Without
 * REDIS_URL it is the private server of the running system.
 */

main().catch(fail);

async function main() {
  const env = withDotEnv();
  const REDIS_URL =
    env.REDIS_URL ?? runningHere(env, "Redis by REDIS_URL").redisUrl;
  const program = "services/results/src/unprefixed/main.ts";
  await runTool(program, { ...env, REDIS_URL });
}
