import { fail } from "../install/print.mjs";
import { root, withDotEnv } from "../install/project.mjs";
import { privateServers } from "./privateServers.ts";

/**
 * `npm run streams -- plan|apply [--yes]`: how the streams stand to the settings, and what a change would cost. Settings
 * come from where `npm start` has them; without NATS_URL it is the private server of the running system.
 */
try {
  const env = withDotEnv();
  const servers = env["NATS_URL"]
    ? {}
    : privateServers(env, "the broker by NATS_URL");
  Object.assign(process.env, servers, env);
} catch (error) {
  fail(error);
}
process.chdir(root);
await import("../../packages/runtime/src/streams/main.ts");
