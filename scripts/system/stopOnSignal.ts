import { bold, fail, say, yellow } from "../install/print.mjs";
import { whenNpmEnds } from "../install/processes.mjs";
import { writeRunning } from "./dataDir.ts";
import { stopInOrder } from "./services.ts";
import type { Supervised } from "./supervise.ts";

/** npm passes on a signal that the terminal gave us too: within this time it is the same one. */
const sameSignalMs = 1000;

/** The first signal stops everything in order, the second at once. `supervised` may be filled later. */
export function stopOnSignal(
  supervised: readonly Supervised[],
  dataDir: string,
  drainMs: number,
) {
  const stopping = new AbortController();
  let firstAt = 0;

  async function stopAll(because: string) {
    firstAt = Date.now();
    stopping.abort();
    if (because) say(bold(`\n${because}`));
    const killed = await stopInOrder(supervised, drainMs);
    writeRunning(dataDir, undefined);
    if (killed.length > 0)
      say(yellow(`Had to be killed: ${killed.join(", ")}`));
  }
  async function stop() {
    if (stopping.signal.aborted) {
      if (Date.now() - firstAt > sameSignalMs) await killAll();
      return;
    }
    await stopAll(
      supervised.length > 0
        ? "Stopping: running tasks may finish, queued ones stay in the log (once more: at once)"
        : "",
    );
    say("Stopped.");
    process.exit(0);
  }
  async function killAll() {
    for (const child of supervised) child.kill();
    await Promise.all(supervised.map((child) => child.gone()));
    writeRunning(dataDir, undefined);
    process.exit(1);
  }

  const onSignal = () => void stop().catch(fail);
  for (const signal of ["SIGINT", "SIGTERM", "SIGHUP"] as const)
    process.on(signal, onSignal);
  // The older Node that ran us passes npm's end on as a signal; its own end is the channel's.
  if (process.connected) process.once("disconnect", onSignal);
  else whenNpmEnds(onSignal);
  // However this process ends, nothing that it started stays: the servers would not notice.
  process.once("exit", () => {
    for (const child of supervised) if (child.pid) child.kill();
  });
  return {
    /** Aborted from the first signal on. */
    signal: stopping.signal,
    /** Stops everything in order and ends with the error. */
    async giveUp(error: Error) {
      if (stopping.signal.aborted) return;
      await stopAll("Stopping");
      fail(error);
    },
  };
}
