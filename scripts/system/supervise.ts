import { spawn, spawnSync, type ChildProcess } from "node:child_process";
import readline from "node:readline";
import type { Readable } from "node:stream";
import { setTimeout as sleep } from "node:timers/promises";
import { killGroup } from "../install/processes.mjs";

export interface Program {
  name: string;
  command: string;
  args: string[];
  env: Record<string, string | undefined>;
  cwd: string;
  /** Gets a pipe as stdin that ends with this process, however it dies. */
  holdsStdin?: boolean;
  /** An exit code after which a restart would not help. */
  hopelessCode?: number;
  /** The container that the command runs in the foreground. */
  container?: string;
}

export interface Exit {
  code: number | null;
  signal: NodeJS.Signals | null;
  /** Undefined: it stays down. */
  restartInMs: number | undefined;
}

export interface SuperviseOptions {
  /** Whether it is started again when it dies; true by default. */
  restarts?: boolean;
  onStart?: (pid: number) => void;
  onLine?: (line: string, stream: "stdout" | "stderr") => void;
  onExit?: (exit: Exit) => void;
}

export type Supervised = ReturnType<typeof makeSupervised>;

const backOffMs = { first: 200, longest: 10_000, forgottenAfter: 30_000 };
const keptLines = 200;
/** Its last words are waited for so long: a stranger may hold the other end of its output. */
const lastWordsMs = 1000;

/**
 * One child process that is started again when it dies.
 *
 * States: down (never started, or ended with `restarts: false` or hopelessly) → up → waiting (died, restarts after the back-off) → up …;
 * `stop()` leads from any of them to down.
 *
 * The child leads a process group of its own: Ctrl-C reaches only us, who end everything in order, and what a dead child
 * leaves behind is ended with its group.
 */
export function makeSupervised(
  program: Program,
  { restarts = true, onStart, onLine, onExit }: SuperviseOptions = {},
) {
  let child: ChildProcess | undefined;
  let gone = Promise.resolve();
  let timer: NodeJS.Timeout | undefined;
  let stopping = false;
  let delayMs = backOffMs.first;
  let failures = 0;
  const lines: string[] = [];

  function start() {
    if (child) return;
    stopping = false;
    clearTimeout(timer);
    if (program.container) removeContainer(program.container);
    const startedAt = Date.now();
    const started = spawn(program.command, program.args, {
      cwd: program.cwd,
      env: program.env,
      detached: true,
      stdio: [program.holdsStdin ? "pipe" : "ignore", "pipe", "pipe"],
    });
    child = started;
    started.stdin?.on("error", () => {}); // a child that died has closed it
    const read = Promise.all([
      readLines(started.stdout, "stdout"),
      readLines(started.stderr, "stderr"),
    ]);
    gone = new Promise((resolve) => {
      const end = async (
        code: number | null,
        signal: NodeJS.Signals | null,
      ) => {
        if (child !== started) return;
        child = undefined;
        const livedMs = Date.now() - startedAt;
        killGroup(started.pid, "SIGKILL");
        const late = sleep(lastWordsMs, undefined, { ref: false });
        await Promise.race([read, late]);
        resolve();
        ended(code, signal, livedMs);
      };
      started.once("exit", (code, signal) => void end(code, signal));
      started.once("error", (error) => {
        keep(error.message, "stderr");
        void end(null, null);
      });
    });
    if (started.pid) onStart?.(started.pid);
  }

  function ended(
    code: number | null,
    signal: NodeJS.Signals | null,
    livedMs: number,
  ) {
    if (livedMs >= backOffMs.forgottenAfter) {
      delayMs = backOffMs.first;
      failures = 0;
    }
    const hopeless = code !== null && code === program.hopelessCode;
    const again = restarts && !stopping && !hopeless;
    const restartInMs = again ? delayMs : undefined;
    if (again) {
      failures++;
      timer = setTimeout(start, delayMs);
      delayMs = Math.min(delayMs * 2, backOffMs.longest);
    }
    onExit?.({ code, signal, restartInMs });
  }

  function readLines(stream: Readable | null, name: "stdout" | "stderr") {
    if (!stream) return undefined;
    readline
      .createInterface({ input: stream, crlfDelay: Infinity })
      .on("line", (line) => keep(line, name));
    return new Promise((resolve) => stream.once("close", resolve));
  }

  function keep(line: string, stream: "stdout" | "stderr") {
    lines.push(line);
    if (lines.length > keptLines) lines.shift();
    onLine?.(line, stream);
  }

  function send(signal: NodeJS.Signals) {
    if (signal !== "SIGKILL") child?.kill(signal);
    else if (program.container) removeContainer(program.container);
    else killGroup(child?.pid, signal);
  }

  /** SIGTERM, and SIGKILL at the deadline. Resolves when the process is gone, to whether it went by itself. */
  async function stop(deadlineMs: number): Promise<boolean> {
    stopping = true;
    clearTimeout(timer);
    if (!child) return true;
    send("SIGTERM");
    let killed = false;
    const deadline = setTimeout(() => {
      killed = true;
      send("SIGKILL");
    }, deadlineMs);
    await gone;
    clearTimeout(deadline);
    return !killed;
  }

  return {
    name: program.name,
    start,
    stop,
    /** Sends a signal. SIGKILL takes the children with it. */
    send,
    /** Ends it at once, and for good. */
    kill() {
      stopping = true;
      clearTimeout(timer);
      send("SIGKILL");
    },
    /** Resolves when the process that runs now has ended. */
    gone: () => gone,
    /** The last lines that it wrote. */
    output: () => lines.join("\n"),
    get pid() {
      return child?.pid;
    },
    /** How often it died of itself, until it lived for 30 s. */
    get failures() {
      return failures;
    },
  };
}

export function removeContainer(name: string): void {
  spawnSync("docker", ["rm", "-f", name], { stdio: "ignore" });
}
