import { writeRunning } from "./data-dir.mjs";
import { bold, say, yellow } from "./print.mjs";
import { stopInOrder } from "./services.mjs";

/** @typedef {import("./supervise.mjs").Supervised} Supervised */

/**
 * The first signal stops everything in order, the second at once.
 * @param {Supervised[]} supervised
 * @param {string} dataDir
 * @param {number} drainMs
 * @returns {AbortSignal} aborted from the first signal on
 */
export function stopOnSignal(supervised, dataDir, drainMs) {
  const stopping = new AbortController();
  let firstAt = 0;
  const stop = async () => {
    // npm passes on a signal that the terminal gave us too: that one is not a second.
    if (stopping.signal.aborted)
      return void (Date.now() - firstAt > 1000 && killAll());
    firstAt = Date.now();
    stopping.abort();
    say(
      bold(
        "\nStopping: running tasks may finish, queued ones stay in the log (once more: at once)",
      ),
    );
    const killed = await stopInOrder(supervised, drainMs);
    writeRunning(dataDir, undefined);
    if (killed.length > 0)
      say(yellow(`Had to be killed: ${killed.join(", ")}`));
    say("Stopped.");
    process.exit(0);
  };
  const killAll = async () => {
    for (const one of supervised) one.kill();
    await Promise.all(supervised.map((one) => one.gone()));
    writeRunning(dataDir, undefined);
    process.exit(1);
  };
  for (const signal of /** @type {const} */ (["SIGINT", "SIGTERM", "SIGHUP"]))
    process.on(signal, stop);
  stopWithNpm(stop);
  return stopping.signal;
}

/** A killed npm passes no signal on: its death is one. @param {() => void} stop */
function stopWithNpm(stop) {
  if (!process.env.npm_lifecycle_event) return;
  const parent = process.ppid;
  const timer = setInterval(() => {
    if (process.ppid === parent) return;
    clearInterval(timer);
    stop();
  }, 500);
  timer.unref();
}
