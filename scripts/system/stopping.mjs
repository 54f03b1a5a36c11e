import { writeRunning } from "./data-dir.mjs";
import { bold, fail, say, yellow } from "../install/print.mjs";
import { identityOf, isAlive, launcher } from "../install/process-identity.mjs";
import { stopInOrder } from "./services.mjs";

/** @typedef {import("./supervise.mjs").Supervised} Supervised */

/** npm passes on a signal that the terminal gave us too: within this time it is the same one. */
const SAME_SIGNAL_MS = 1000;

/**
 * The first signal stops everything in order, the second at once.
 * @param {Supervised[]} supervised may be filled later
 * @param {string} dataDir
 * @param {number} drainMs
 */
export function stopOnSignal(supervised, dataDir, drainMs) {
  const stopping = new AbortController();
  let firstAt = 0;

  /** @param {string} because */
  async function stopAll(because) {
    firstAt = Date.now();
    stopping.abort();
    if (because) say(bold(`\n${because}`));
    const killed = await stopInOrder(supervised, drainMs);
    writeRunning(dataDir, undefined);
    if (killed.length > 0)
      say(yellow(`Had to be killed: ${killed.join(", ")}`));
  }
  async function onSignal() {
    if (stopping.signal.aborted)
      return void (Date.now() - firstAt > SAME_SIGNAL_MS && killAll());
    await stopAll(
      supervised.length > 0
        ? "Stopping: running tasks may finish, queued ones stay in the log (once more: at once)"
        : "",
    );
    say("Stopped.");
    process.exit(0);
  }
  async function killAll() {
    for (const one of supervised) one.kill();
    await Promise.all(supervised.map((one) => one.gone()));
    writeRunning(dataDir, undefined);
    process.exit(1);
  }

  for (const signal of /** @type {const} */ (["SIGINT", "SIGTERM", "SIGHUP"]))
    process.on(signal, onSignal);
  stopWithNpm(onSignal);
  // However this process ends, nothing that it started stays: the servers would not notice.
  process.once("exit", () => {
    for (const one of supervised) if (one.pid) one.kill();
  });
  return {
    /** Aborted from the first signal on. */
    signal: stopping.signal,
    /** Stops everything in order and ends with the error. @param {Error} error */
    async giveUp(error) {
      if (stopping.signal.aborted) return;
      await stopAll("Stopping");
      fail(error);
    },
  };
}

/** A killed npm passes no signal on: its death is one. @param {() => void} stop */
function stopWithNpm(stop) {
  if (!process.env.npm_lifecycle_event) return;
  const pid = launcher();
  const npm = { pid, identity: identityOf(pid) };
  const timer = setInterval(() => {
    if (isAlive(npm)) return;
    clearInterval(timer);
    stop();
  }, 500);
  timer.unref();
}
