import { spawn } from "node:child_process";
import { killGroup } from "../system/supervise.mjs";

/** What runs now: ended with us, wherever a signal or an error ends us. @type {Set<number>} */
const running = new Set();
process.once("exit", () => {
  for (const pid of running) killGroup(pid, "SIGTERM");
});

/** @typedef {{ code: number | null, output: string }} Outcome */

/**
 * Runs a program to its end. Never rejects: a program that can't be started has the code null.
 * @param {string} command
 * @param {string[]} args
 * @param {{ cwd?: string, env?: Record<string, string | undefined>, timeoutMs?: number }} [options]
 * @returns {Promise<Outcome>} its exit code, and stdout and stderr together
 */
export function run(command, args, { cwd, env, timeoutMs } = {}) {
  return new Promise((resolve) => {
    /** @type {Buffer[]} */
    const chunks = [];
    const child = spawn(command, args, {
      ...(cwd ? { cwd } : {}),
      ...(timeoutMs ? { timeout: timeoutMs } : {}),
      env: { ...process.env, ...env },
      stdio: ["ignore", "pipe", "pipe"],
      detached: true, // a group of its own, which is ended as a whole
    });
    const { pid } = child;
    if (pid) running.add(pid);
    child.once("exit", () => pid && running.delete(pid));
    child.stdout.on("data", (chunk) => chunks.push(chunk));
    child.stderr.on("data", (chunk) => chunks.push(chunk));
    const output = () => Buffer.concat(chunks).toString();
    child.once("error", (error) =>
      resolve({ code: null, output: `${output()}${error.message}` }),
    );
    child.once("close", (code) => resolve({ code, output: output() }));
  });
}

/**
 * The last lines of a program's output, for an error message.
 * @param {string} text
 */
export function tail(text, lines = 30) {
  return text.trimEnd().split("\n").slice(-lines).join("\n");
}
