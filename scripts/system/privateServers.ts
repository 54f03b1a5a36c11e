import { folders, type Env } from "../install/project.mjs";
import { UserError } from "../install/user-error.mjs";
import { readChoices } from "./choices.ts";
import { readRunning } from "./dataDir.ts";

/**
 * The settings that name the private servers of the system that `npm start` runs here. Throws a UserError where none runs;
 * `other` is what the user can do instead, such as `the broker by NATS_URL`.
 */
export function privateServers(env: Env, other: string): Env {
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
