import { join, resolve } from "node:path";
import { fail, UserError } from "../install/print.mjs";
import { folders, root, withDotEnv, type Env } from "../install/project.mjs";
import { readChoices, readRunning } from "./dataDir.ts";

/**
 * `runOperatorProgram.ts PROGRAM NATS_URL|REDIS_URL|JETSCRIBE_URL [ARGUMENT...]`: runs a program of the workspace for an
 * operator, with the settings that `npm start` has. Where the server is not set, the system that runs here is meant, and
 * the user `operator` of its broker unless a credential is named; where none runs, the process ends with a UserError's
 * message, unless it is only asked for help or its version.
 */
const [program = "", usual = ""] = process.argv.splice(2, 2);
const words = process.argv.slice(2);
const asksAboutItself = words.some((word) =>
  ["--help", "-h", "help", "--version", "-V"].includes(word),
);
const server = words[0] === "keys" ? "JETSCRIBE_URL" : usual;
const names: Env = {
  NATS_URL: "the broker",
  REDIS_URL: "Redis",
  JETSCRIBE_URL: "the gateway",
};
try {
  const env = withDotEnv();
  // A path of the environment, or of .env, is meant from the project's folder, as the services take it.
  for (const name of ["NATS_NKEY_FILE", "NATS_CREDS_FILE"])
    if (env[name]) env[name] = resolve(root, env[name]);
  const isNeeded = !env[server] && !asksAboutItself;
  Object.assign(process.env, isNeeded ? runningHere(env) : {}, env);
} catch (error) {
  fail(error);
}
// Paths on the command line are meant from where it was typed. npm itself has gone to the project's folder.
process.chdir(process.env["INIT_CWD"] ?? process.cwd());
await import(join(root, program));

function runningHere(env: Env): Env {
  const { dataDir } = folders(env);
  const running = readRunning(dataDir);
  const choices = readChoices(dataDir);
  if (!running || !choices)
    throw new UserError(
      `no system runs here: start it with npm start, or name ${names[server]} by ${server}`,
    );
  const { url, key } = running;
  // The key is given only to a program that calls the gateway. Of keys in API_KEYS it is not known here.
  if (server === "JETSCRIBE_URL")
    return { JETSCRIBE_URL: url, ...(key && { JETSCRIBE_KEY: key }) };
  return {
    NATS_URL: running.natsUrl,
    REDIS_URL: running.redisUrl,
    EVENTS_MAX_BYTES: String(choices.eventsMaxBytes),
    ...(running.operator && {
      ...(!env["NATS_CREDS_FILE"] && { NATS_NKEY_FILE: running.operator }),
      // For commands that let somebody into the private broker, or shut somebody out.
      OWN_BROKER_DIR: dataDir,
    }),
  };
}
