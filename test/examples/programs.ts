/** Runs programs of `examples/` as a user runs them. */
import { eventually } from "@jetscribe/testing";
import assert from "node:assert/strict";
import { execFile, spawn } from "node:child_process";
import { once } from "node:events";
import { promisify } from "node:util";
import { root } from "../docs/documents.ts";

export type Command = readonly [program: string, ...args: string[]];

/** This Node, with nothing on stderr that is not the program's. */
export const node = (...args: string[]): Command => [
  process.execPath,
  "--disable-warning=ExperimentalWarning",
  ...args,
];

/** docs/subscribe.md's program in Python. */
export const python = (...args: string[]): Command => [
  ...(["python3", "examples/subscribe/subscribe.py"] as const),
  ...args,
];

export function makePrograms(env: () => NodeJS.ProcessEnv) {
  const options = () => ({ cwd: root, env: { ...process.env, ...env() } });

  /** What it prints. Rejects where it ends with another code than 0, or says anything on stderr. */
  async function run(program: string, ...args: string[]): Promise<string> {
    const limited = { ...options(), timeout: 60_000 };
    const ran = await promisify(execFile)(program, args, limited);
    assert.equal(ran.stderr, "");
    return ran.stdout;
  }

  /**
   * Runs a program while `use` runs, which begins when it has said `ready`; then ends it by Ctrl-C, on which it has to end
   * well, or by a kill.
   */
  async function runWhile(
    [program, ...args]: Command,
    ready: string,
    use: (printed: () => string) => Promise<void>,
    end: "SIGINT" | "SIGKILL" = "SIGINT",
  ): Promise<void> {
    const stdio = ["ignore", "pipe", "inherit"] as const;
    const child = spawn(program, args, { ...options(), stdio: [...stdio] });
    const exited = once(child, "exit");
    try {
      let printed = "";
      child.stdout.setEncoding("utf8").on("data", (text: string) => {
        printed += text;
      });
      await eventually(() => printed.startsWith(ready));
      await use(() => printed);
      child.kill(end);
      const ended = await exited;
      assert.deepEqual(ended, end === "SIGINT" ? [0, null] : [null, end]);
    } finally {
      child.kill("SIGKILL");
      await exited;
    }
  }

  return { run, runWhile };
}
