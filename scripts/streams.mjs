import "./require-node.mjs";
import { join } from "node:path";
import { readJson } from "./data-dir.mjs";
import { STREAMS_PROGRAM } from "./own-streams.mjs";
import { fail } from "./print.mjs";
import { folders, withDotEnv } from "./project.mjs";
import { runningHere, runTool } from "./tool.mjs";

/**
 * `npm run streams -- plan|apply [--yes]`: how the streams stand to the settings, and what a change would cost. Settings
 * come from where `npm start` has them; without NATS_URL it is the private server of the running system.
 */

main().catch(fail);

async function main() {
  const env = withDotEnv();
  await runTool(STREAMS_PROGRAM, { ...privateServer(env), ...env });
}

/** What the services of the system that runs here were given. @param {import("./project.mjs").Env} env */
function privateServer(env) {
  if (env.NATS_URL) return {};
  const { natsUrl } = runningHere(env, "the broker by NATS_URL");
  const choices = readJson(join(folders(env).dataDir, "choices.json"));
  return {
    NATS_URL: natsUrl,
    EVENTS_MAX_BYTES: String(choices?.eventsMaxBytes),
  };
}
