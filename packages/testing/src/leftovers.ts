/** The processes of this test process that still run: ended with it, whatever way a test ends. */
const running = new Set<{ kill(): void }>();

process.once("exit", () => {
  for (const one of running) one.kill();
});
// Without a handler these would end the process without the one above.
for (const signal of ["SIGINT", "SIGTERM"] as const)
  process.once(signal, () => process.exit(1));

/** Ends `one` when this process ends. */
export function endWithUs(one: { kill(): void }): void {
  running.add(one);
}

/** It has been stopped properly. */
export function ended(one: { kill(): void }): void {
  running.delete(one);
}
