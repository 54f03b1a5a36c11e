/** The processes of this test process that still run: ended with it, whatever way a test ends. */
const running = new Set<{ kill(): void }>();

function endAll(): void {
  for (const one of running) one.kill();
}
process.once("exit", endAll);
// Without a handler these would end the process without the one above. The test runner forbids process.exit() meanwhile;
// the signal again, without a handler now, ends the process as it would have.
for (const signal of ["SIGINT", "SIGTERM"] as const)
  process.once(signal, () => {
    endAll();
    process.kill(process.pid, signal);
  });

/** Ends `one` when this process ends. */
export function endWithUs(one: { kill(): void }): void {
  running.add(one);
}

/** It has been stopped properly. */
export function ended(one: { kill(): void }): void {
  running.delete(one);
}
