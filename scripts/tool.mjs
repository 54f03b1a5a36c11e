import { spawn } from "node:child_process";
import { readRunning } from "./data-dir.mjs";
import { fail } from "./print.mjs";
import { folders, root, UserError } from "./project.mjs";
import { NODE_FLAGS } from "./services.mjs";
import { setUp } from "./setup.mjs";

/** What the operator's commands on the servers have in common. */

/**
 * Runs a program of the workspace with this command's arguments, and ends as it ends.
 * @param {string} program
 * @param {import("./project.mjs").Env} env
 */
export async function runTool(program, env) {
  const { node } = await setUp();
  const args = [...NODE_FLAGS, program, ...process.argv.slice(2)];
  const child = spawn(node, args, { cwd: root, stdio: "inherit", env });
  child.once("error", fail);
  child.once("exit", (code) => process.exit(code ?? 1));
}

/**
 * The system that `npm start` runs here, whose private servers are meant where a setting names none.
 * @param {import("./project.mjs").Env} env
 * @param {string} servers such as `the broker by NATS_URL`
 */
export function runningHere(env, servers) {
  const running = readRunning(folders(env).dataDir);
  if (running) return running;
  throw new UserError(
    `no system runs here: start it with npm start, or name ${servers}`,
  );
}
