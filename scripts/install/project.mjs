import { join, resolve } from "node:path";
import { fileURLToPath } from "node:url";
import { readDotEnv } from "./dot-env.mjs";

/** The project's folder. */
export const root = resolve(fileURLToPath(new URL("../..", import.meta.url)));

/** What the commands bring onto the machine (unpacked servers, GPU binaries); can be deleted at any time. */
export const localDir = join(root, ".local");

/**
 * What Node made of the sources of services, tests and the command line, types stripped and compiled: with it a service's
 * second start takes three quarters of the time.
 */
export const compileCache = join(localDir, "compile-cache");

/** @typedef {Record<string, string | undefined>} Env */

/**
 * The environment with the project's `.env` below it: what is set in the environment wins.
 * An empty value counts as unset, as `PORT= npm start` means it.
 * @param {Env} env
 * @returns {Env}
 */
export function withDotEnv(env = process.env, file = join(root, ".env")) {
  const set = Object.entries(env).filter(([, value]) => value !== "");
  return { ...readDotEnv(file), ...Object.fromEntries(set) };
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
