import { spawn } from "node:child_process";
import { constants } from "node:os";
import { fail, UserError } from "./print.mjs";
import { killGroup, whenNpmEnds } from "./processes.mjs";

/** What runs now: ended with us, wherever a signal or an error ends us. @type {Set<number>} */
const running = new Set();
process.once("exit", () => {
  for (const pid of running) killGroup(pid, "SIGTERM");
});
// A signal for which nobody else has a handler would end us without the one above.
for (const signal of /** @type {const} */ (["SIGINT", "SIGTERM"]))
  process.on(signal, () => {
    if (process.listenerCount(signal) === 1)
      process.exit(128 + constants.signals[signal]);
  });

/** @typedef {{ code: number | null, output: string }} Outcome */
/** @typedef {{ cwd?: string, env?: import("./project.mjs").Env, timeoutMs?: number }} RunOptions */

/**
 * Runs a program to its end. Never rejects: a program that can't be started has the code null.
 * @param {string} command
 * @param {string[]} args
 * @param {RunOptions} [options]
 * @returns {Promise<Outcome>} its exit code, and stdout and stderr together
 */
export function run(command, args, { cwd, env, timeoutMs } = {}) {
  return new Promise((resolve) => {
    /** @type {Buffer[]} */
    const chunks = [];
    const child = spawn(command, args, {
      cwd,
      timeout: timeoutMs,
      env: { ...process.env, ...env },
      stdio: ["ignore", "pipe", "pipe"],
      detached: true, // a group of its own, which is ended as a whole
    });
    const { pid } = child;
    if (pid) running.add(pid);
    child.once("exit", () => pid && running.delete(pid));
    for (const stream of [child.stdout, child.stderr])
      stream.on("data", (/** @type {Buffer} */ chunk) => chunks.push(chunk));
    const output = () => Buffer.concat(chunks).toString();
    child.once("error", (error) =>
      resolve({ code: null, output: `${output()}${error.message}` }),
    );
    child.once("close", (code) => resolve({ code, output: output() }));
  });
}

/**
 * As {@link run}, for what has to go well: an exit code other than 0 is a {@link UserError} with the last lines.
 * @param {string} command
 * @param {string[]} args
 * @param {RunOptions} [options]
 */
export async function runOrThrow(command, args, options) {
  const { code, output } = await run(command, args, options);
  if (code === 0) return;
  throw new UserError(`${command} ${args.join(" ")}:\n${tail(output)}`);
}

/**
 * Runs a program in this one's place: with its input and output, the signals that it gets, and its end. The program may
 * see our death by its channel to us (`disconnect`).
 * @param {string} command
 * @param {string[]} args
 * @param {Record<string, string | undefined>} [env]
 */
export function runInstead(command, args, env = process.env) {
  const stdio = /** @type {const} */ (["inherit", "inherit", "inherit", "ipc"]);
  const child = spawn(command, args, { stdio: [...stdio], env });
  child.once("error", fail);
  child.once("exit", (code, signal) =>
    process.exit(signal ? 128 + constants.signals[signal] : (code ?? 1)),
  );
  // The terminal gives them to the child as well; it decides when to end.
  for (const signal of /** @type {const} */ (["SIGINT", "SIGTERM", "SIGHUP"]))
    process.on(signal, () => child.kill(signal));
  whenNpmEnds(() => child.kill("SIGTERM"));
}

/** The last lines of a program's output, for an error message. @param {string} text */
export function tail(text, lines = 30) {
  return text.trimEnd().split("\n").slice(-lines).join("\n");
}
