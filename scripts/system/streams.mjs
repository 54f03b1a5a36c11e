import "../install/require-node.mjs";
import { spawn } from "node:child_process";
import { existsSync } from "node:fs";
import { join } from "node:path";
import { readJson, readRunning } from "./data-dir.mjs";
import { STREAMS_PROGRAM } from "./own-streams.mjs";
import { fail } from "../install/print.mjs";
import { folders, root, UserError, withDotEnv } from "../install/project.mjs";
import { NODE_FLAGS } from "./services.mjs";
import { setUp } from "../install/setup.mjs";

/**
 * `npm run streams -- plan|apply [--yes]`: how the streams stand to the settings, and what a change would cost. Settings
 * come from where `npm start` has them; without NATS_URL it is the private server of the running system.
 */

main().catch(fail);

async function main() {
  const env = withDotEnv();
  const { node } = await setUp();
  const args = [...NODE_FLAGS, STREAMS_PROGRAM, ...process.argv.slice(2)];
  const child = spawn(node, args, {
    ...{ cwd: root, stdio: "inherit" },
    env: { ...privateServer(env), ...env },
  });
  child.once("error", fail);
  child.once("exit", (code) => process.exit(code ?? 1));
}

/** What the services of the system that runs here were given. @param {import("../install/project.mjs").Env} env */
function privateServer(env) {
  if (env.NATS_URL) return {};
  const { dataDir } = folders(env);
  const choices = join(dataDir, "choices.json");
  const running = readRunning(dataDir);
  if (!running || !existsSync(choices))
    throw new UserError(
      "no system runs here: start it with npm start, or name the broker by NATS_URL",
    );
  return {
    NATS_URL: running.natsUrl,
    EVENTS_MAX_BYTES: String(readJson(choices)?.eventsMaxBytes),
  };
}
