/** Starts `jetscribe` as its users do: a process of its own, with arguments and an environment. */
import { compileCache, eventually } from "@jetscribe/testing";
import { spawn } from "node:child_process";
import { once } from "node:events";
import { join } from "node:path";

export const main = join(import.meta.dirname, "../src/main.ts");

export interface Cli extends AsyncDisposable {
  /** What it has written so far. */
  stdout: () => string;
  stderr: () => string;
  signal: (signal: NodeJS.Signals) => void;
  /** Nobody reads its output any more. */
  stopReading: () => void;
  /** Its output is not taken for a while. */
  pauseReading: () => void;
  goOnReading: () => void;
  /** Resolves with its exit code. */
  ended: () => Promise<number | null>;
  /** Resolves once its output has this text. */
  says: (text: string) => Promise<void>;
}

/** The URL of its broker, or all that its environment has and where it runs. */
type CliPlace = string | { env: Record<string, string>; cwd: string };

export function startCli(place: CliPlace, ...args: string[]): Cli {
  const { env, cwd } =
    typeof place === "string"
      ? { env: { NATS_URL: place }, cwd: undefined }
      : place;
  const child = spawn(process.execPath, [main, ...args], {
    ...{ env: { NODE_COMPILE_CACHE: compileCache, ...env, TZ: "UTC" }, cwd },
    stdio: ["ignore", "pipe", "pipe"],
  });
  let [stdout, stderr] = ["", ""];
  child.stdout.setEncoding("utf8").on("data", (text) => (stdout += text));
  child.stderr.setEncoding("utf8").on("data", (text) => (stderr += text));
  const closed = once(child, "close");
  return {
    stdout: () => stdout,
    stderr: () => stderr,
    signal: (signal) => child.kill(signal),
    stopReading: () => child.stdout.destroy(),
    pauseReading: () => child.stdout.pause(),
    goOnReading: () => child.stdout.resume(),
    ended: async () => {
      await closed;
      return child.exitCode;
    },
    says: async (text) => {
      await eventually(() => stdout.includes(text));
    },
    async [Symbol.asyncDispose]() {
      child.kill("SIGKILL");
      await closed;
    },
  };
}

/** Runs it to its end. */
export async function runCli(place: CliPlace, ...args: string[]) {
  await using cli = startCli(place, ...args);
  const code = await cli.ended();
  return { code, stdout: cli.stdout(), stderr: cli.stderr() };
}
