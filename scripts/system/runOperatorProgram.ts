import { join } from "node:path";
import { fail } from "../install/print.mjs";
import { folders, root, withDotEnv, type Env } from "../install/project.mjs";
import { UserError } from "../install/user-error.mjs";
import { readChoices } from "./choices.ts";
import { readRunning } from "./dataDir.ts";

/**
 * Runs a program of the workspace for an operator, with the settings that `npm start` has. Where `server` is not set, the
 * private servers of the system that runs here are meant; where none runs, the process ends with a UserError's message.
 * `what`: how a user calls that server.
 */
export async function runOperatorProgram(
  program: string,
  server: "NATS_URL" | "REDIS_URL",
  what: string,
): Promise<void> {
  try {
    const env = withDotEnv();
    const servers = env[server]
      ? {}
      : privateServers(env, `${what} by ${server}`);
    Object.assign(process.env, servers, env);
  } catch (error) {
    fail(error);
  }
  process.chdir(root);
  await import(join(root, program));
}

function privateServers(env: Env, other: string): Env {
  const { dataDir } = folders(env);
  const running = readRunning(dataDir);
  const choices = readChoices(dataDir);
  if (!running || !choices)
    throw new UserError(
      `no system runs here: start it with npm start, or name ${other}`,
    );
  return {
    NATS_URL: running.natsUrl,
    REDIS_URL: running.redisUrl,
    EVENTS_MAX_BYTES: String(choices.eventsMaxBytes),
  };
}
