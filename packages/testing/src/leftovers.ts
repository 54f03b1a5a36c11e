/** The processes of this test process that still run: ended with it, whatever way a test ends. */
const running = new Set<Spawned>();
/** Those, and others that ended in the test that runs: what they said tells why it failed. */
const ofTest = new Set<Spawned>();

interface Spawned {
  readonly name: string;
  kill(): void;
  /** Its last lines. */
  output(): string;
}

function endAll(): void {
  for (const spawned of running) spawned.kill();
}
process.once("exit", endAll);
// Without a handler these would end the process without the one above. The test runner forbids process.exit() meanwhile;
// the signal again, without a handler now, ends the process as it would have.
for (const signal of ["SIGINT", "SIGTERM"] as const)
  process.once(signal, () => {
    endAll();
    process.kill(process.pid, signal);
  });

/** Ends `spawned` when this process ends. */
export function endWithUs(spawned: Spawned): void {
  running.add(spawned);
  ofTest.add(spawned);
}

/** It has been stopped properly. */
export function ended(spawned: Spawned): void {
  running.delete(spawned);
}

/** What was said since the last `forgetEnded`, by those too that have ended: each under its name. */
export const outputOfTest = (): string =>
  Array.from(ofTest, (spawned) => {
    return `--- ${spawned.name}\n${spawned.output()}`;
  }).join("\n");

/** A new test begins: what those said that have ended by now is of another one. */
export function forgetEnded(): void {
  for (const spawned of ofTest)
    if (!running.has(spawned)) ofTest.delete(spawned);
}
