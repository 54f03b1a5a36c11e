import { join } from "node:path";
import { fail, UserError } from "../install/print.mjs";
import { folders, root, withDotEnv, type Env } from "../install/project.mjs";
import { readChoices, readRunning } from "./dataDir.ts";

/**
 * `runOperatorProgram.ts PROGRAM NATS_URL|REDIS_URL [ARGUMENT...]`: runs a program of the workspace for an operator, with
 * the settings that `npm start` has. Where the server is not set, the private servers of the system that runs here are
 * meant; where none runs, the process ends with a UserError's message, unless it is only asked for help.
 */
const [program = "", server = ""] = process.argv.splice(2, 2);
const asksForHelp = process.argv
  .slice(2)
  .some((word) => ["--help", "-h", "help"].includes(word));
const names: Env = { NATS_URL: "the broker", REDIS_URL: "Redis" };
try {
  const env = withDotEnv();
  const isNeeded = !env[server] && !asksForHelp;
  Object.assign(process.env, isNeeded ? privateServers(env) : {}, env);
} catch (error) {
  fail(error);
}
process.chdir(root);
await import(join(root, program));

function privateServers(env: Env): Env {
  const { dataDir } = folders(env);
  const running = readRunning(dataDir);
  const choices = readChoices(dataDir);
  if (!running || !choices)
    throw new UserError(
      `no system runs here: start it with npm start, or name ${names[server]} by ${server}`,
    );
  return {
    NATS_URL: running.natsUrl,
    REDIS_URL: running.redisUrl,
    EVENTS_MAX_BYTES: String(choices.eventsMaxBytes),
  };
}
