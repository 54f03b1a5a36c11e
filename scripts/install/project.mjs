import { join, resolve } from "node:path";
import { fileURLToPath } from "node:url";
import { readDotEnv } from "./dot-env.mjs";

export { UserError } from "./user-error.mjs";

/** The project's folder. */
export const root = resolve(fileURLToPath(new URL("../..", import.meta.url)));

/** What the commands bring onto the machine (unpacked servers, GPU binaries); can be deleted at any time. */
export const localDir = join(root, ".local");

/** @typedef {Record<string, string | undefined>} Env */

/**
 * The environment with the project's `.env` below it: what is set in the environment wins.
 * An empty value counts as unset, as `PORT= npm start` means it.
 * @param {Env} env
 * @returns {Env}
 */
export function withDotEnv(env = process.env, file = join(root, ".env")) {
  const set = Object.fromEntries(
    Object.entries(env).filter(([, value]) => value !== ""),
  );
  return { ...readDotEnv(file), ...set };
}

/**
 * The two folders of a running system, absolute: relative ones are meant from the project's folder.
 * @param {Env} env
 */
export function folders(env) {
  return {
    dataDir: resolve(root, env.DATA_DIR ?? ".data"),
    logDir: resolve(root, env.LOG_DIR ?? "logs"),
  };
}

/**
 * A duration of the configuration (`30`, `15s`, `5m`, `2h`, `30d`) in milliseconds.
 * @param {string | undefined} text
 * @param {number} otherwise when unset or no duration (the services refuse those by name)
 */
export function durationMs(text, otherwise) {
  const match = /^(\d+(?:\.\d+)?)\s*(ms|s|m|h|d)?$/.exec(text?.trim() ?? "");
  if (!match) return otherwise;
  const units = { ms: 1, s: 1000, m: 60_000, h: 3_600_000, d: 86_400_000 };
  const unit = /** @type {keyof typeof units} */ (match[2] ?? "s");
  return Number(match[1]) * units[unit];
}
