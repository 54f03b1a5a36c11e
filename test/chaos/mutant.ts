/** What a mutant is, and the runs in which the checker has to see mutants. */

/**
 * Arguments of `run.ts`. All mutants of a run are built into one system: each is seen by what only it does, and none
 * hides another one's doing.
 */
export const runs = {
  calm: [
    ...["--only", "none", "--more", "bulk"],
    ...["--rate", "8", "--seconds", "12"],
  ],
  "calm, once more": ["--only", "none", "--rate", "8", "--seconds", "12"],
  starts: [
    ...["--only", "steal-start", "--more", "poison"],
    ...["--rate", "8", "--seconds", "10"],
  ],
  drains: [
    ...["--only", "stop-inference", "--more", "renewed"],
    ...["--rate", "6", "--seconds", "10"],
  ],
  restore: ["--only", "restore-events", "--rate", "4", "--seconds", "2"],
  files: [
    ...["--only", "fill-disk,kill-logger,kill-results"],
    ...["--seconds", "45", "--pause", "2500"],
  ],
  accepting: [
    ...["--only", "kill-nats,kill-gateway-storing,cut-nats"],
    ...["--seconds", "12"],
  ],
  deliveries: ["--only", "delete-queue,kill-inference,kill-nats"],
  // Two by themselves: a system that still waits for a webhook is not looked at any further.
  webhooks: ["--only", "none", "--rate", "8", "--seconds", "5"],
  ends: ["--only", "none", "--rate", "8", "--seconds", "8"],
  waits: ["--only", "outwait", "--rate", "4", "--seconds", "5"],
  crashes: [
    ...["--only", "kill-inference,kill-engine,stop-inference,kill-results"],
    ...["--rate", "8"],
  ],
} as const satisfies Record<string, readonly string[]>;

export interface Mutant {
  /** The promise that it breaks. */
  name: string;
  file: string;
  /** Its tokens stand there exactly once, in whatever layout. */
  find: string;
  replace: string;
  run: keyof typeof runs;
  /** What the checker has to say, among other things. */
  caught: RegExp;
}
