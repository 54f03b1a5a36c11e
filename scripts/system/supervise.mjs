import { spawn, spawnSync } from "node:child_process";
import readline from "node:readline";
import { setTimeout as sleep } from "node:timers/promises";

/**
 * @typedef {object} Program
 * @property {string} name
 * @property {string} command
 * @property {string[]} args
 * @property {Record<string, string | undefined>} env
 * @property {string} cwd
 * @property {boolean} [holdsStdin] gets a pipe as stdin that ends with this process, however it dies
 * @property {number} [hopelessCode] an exit code after which a restart would not help
 * @property {string} [container] the container that the command runs in the foreground
 */
/**
 * @typedef {object} Exit
 * @property {number | null} code
 * @property {NodeJS.Signals | null} signal
 * @property {number | undefined} restartInMs undefined: it stays down
 */
/**
 * @typedef {object} Hooks
 * @property {(pid: number) => void} [onStart]
 * @property {(line: string, stream: "stdout" | "stderr") => void} [onLine]
 * @property {(exit: Exit) => void} [onExit]
 */
/** @typedef {ReturnType<typeof makeSupervised>} Supervised */

const BACK_OFF_MS = { first: 200, longest: 10_000, forgottenAfter: 30_000 };
const KEPT_LINES = 200;
/** Its last words are waited for so long: a stranger may hold the other end of its output. */
const LAST_WORDS_MS = 1000;

/**
 * One child process that is started again when it dies.
 *
 * States: down (never started, or ended with `restarts: false` or hopelessly) → up → waiting (died, restarts after the back-off) → up …;
 * `stop()` leads from any of them to down.
 *
 * The child leads a process group of its own: Ctrl-C reaches only us, who end everything in order, and what a dead child
 * leaves behind is ended with its group.
 * @param {Program} program
 * @param {Hooks & { restarts?: boolean }} [options]
 */
export function makeSupervised(
  program,
  { restarts = true, onStart, onLine, onExit } = {},
) {
  /** @type {import("node:child_process").ChildProcess | undefined} */
  let child;
  /** @type {Promise<void>} */
  let gone = Promise.resolve();
  /** @type {NodeJS.Timeout | undefined} */
  let timer;
  let stopping = false;
  let delayMs = BACK_OFF_MS.first;
  let failures = 0;
  /** @type {string[]} */
  const lines = [];

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
      let over = false;
      /** @param {number | null} code @param {NodeJS.Signals | null} signal */
      const end = async (code, signal) => {
        if (over) return;
        over = true;
        const livedMs = Date.now() - startedAt;
        child = undefined;
        killGroup(started.pid, "SIGKILL");
        await Promise.race([
          read,
          sleep(LAST_WORDS_MS, undefined, { ref: false }),
        ]);
        resolve();
        ended(code, signal, livedMs);
      };
      started.once("exit", end);
      started.once("error", (error) => {
        keep(error.message, "stderr");
        end(null, null);
      });
    });
    if (started.pid) onStart?.(started.pid);
  }

  /**
   * @param {number | null} code
   * @param {NodeJS.Signals | null} signal
   * @param {number} livedMs
   */
  function ended(code, signal, livedMs) {
    if (livedMs >= BACK_OFF_MS.forgottenAfter) {
      delayMs = BACK_OFF_MS.first;
      failures = 0;
    }
    const hopeless = code !== null && code === program.hopelessCode;
    const again = restarts && !stopping && !hopeless;
    const restartInMs = again ? delayMs : undefined;
    if (again) {
      failures++;
      timer = setTimeout(start, delayMs);
      delayMs = Math.min(delayMs * 2, BACK_OFF_MS.longest);
    }
    onExit?.({ code, signal, restartInMs });
  }

  /**
   * @param {import("node:stream").Readable | null} stream
   * @param {"stdout" | "stderr"} name
   */
  function readLines(stream, name) {
    if (!stream) return undefined;
    readline
      .createInterface({ input: stream, crlfDelay: Infinity })
      .on("line", (line) => keep(line, name));
    return new Promise((resolve) => stream.once("close", resolve));
  }

  /** @param {string} line @param {"stdout" | "stderr"} stream */
  function keep(line, stream) {
    lines.push(line);
    if (lines.length > KEPT_LINES) lines.shift();
    onLine?.(line, stream);
  }

  /** @param {NodeJS.Signals} signal */
  function send(signal) {
    if (signal === "SIGKILL" && program.container)
      removeContainer(program.container);
    else if (signal === "SIGKILL") killGroup(child?.pid, signal);
    else child?.kill(signal);
  }

  /**
   * SIGTERM, and SIGKILL at the deadline. Resolves when the process is gone, to whether it went by itself.
   * @param {number} deadlineMs
   */
  async function stop(deadlineMs) {
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

/** @param {number | undefined} pid @param {NodeJS.Signals} signal */
export function killGroup(pid, signal) {
  try {
    if (pid) process.kill(-pid, signal);
  } catch {
    // nobody is left
  }
}

/** @param {string} name */
export function removeContainer(name) {
  spawnSync("docker", ["rm", "-f", name], { stdio: "ignore" });
}
