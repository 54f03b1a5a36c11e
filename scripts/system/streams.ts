import { readChoices } from "./choices.ts";
import { readRunning } from "./dataDir.ts";
import { fail } from "../install/print.mjs";
import { folders, root, withDotEnv, type Env } from "../install/project.mjs";
import { UserError } from "../install/user-error.mjs";

/**
 * `npm run streams -- plan|apply [--yes]`: how the streams stand to the settings, and what a change would cost. Settings
 * come from where `npm start` has them; without NATS_URL it is the private server of the running system.
 */
try {
  const env = withDotEnv();
  Object.assign(process.env, privateServer(env), env);
} catch (error) {
  fail(error);
}
process.chdir(root);
await import("../../packages/runtime/src/streams/main.ts");

/** What the services of the system that runs here were given. */
function privateServer(env: Env): Env {
  if (env["NATS_URL"]) return {};
  const { dataDir } = folders(env);
  const running = readRunning(dataDir);
  const choices = readChoices(dataDir);
  if (!running || !choices)
    throw new UserError(
      "no system runs here: start it with npm start, or name the broker by NATS_URL",
    );
  return {
    NATS_URL: running.natsUrl,
    EVENTS_MAX_BYTES: String(choices.eventsMaxBytes),
  };
}
