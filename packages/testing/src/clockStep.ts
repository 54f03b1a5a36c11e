/** Sets the clock of processes that are started with the environment given here, while they run. */
import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";

export interface ClockStep extends Disposable {
  /** For the processes. */
  env: Record<string, string>;
  /** From now on their wall clock is off by so many ms. */
  set: (ms: number) => void;
}

export function makeClockStep(): ClockStep {
  const dir = mkdtempSync(join(tmpdir(), "jetscribe-clock-"));
  const file = join(dir, "step");
  const set = (ms: number) => writeFileSync(file, String(ms));
  set(0);
  const preload = new URL("./steppedClock.mjs", import.meta.url);
  return {
    env: {
      CLOCK_STEP_FILE: file,
      NODE_OPTIONS: `${process.env["NODE_OPTIONS"] ?? ""} --import=${preload.href}`,
    },
    set,
    [Symbol.dispose]: () => rmSync(dir, { recursive: true }),
  };
}
