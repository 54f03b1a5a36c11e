/** Upper bounds of histograms, in seconds. */

/** A task waits or runs for milliseconds, or for an hour. */
export const taskBuckets = [
  ...[0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10, 30],
  ...[60, 120, 300, 600, 1_800, 3_600],
];

/** Those of the semantic conventions for generative AI, and more above: here a task may wait. */
export const requestBuckets = [
  ...[0.01, 0.02, 0.04, 0.08, 0.16, 0.32, 0.64, 1.28, 2.56, 5.12],
  ...[10.24, 20.48, 40.96, 81.92, 160, 640, 2_560],
];
export const firstTokenBuckets = [
  ...[0.001, 0.005, 0.01, 0.02, 0.04, 0.06, 0.08, 0.1, 0.25, 0.5, 0.75],
  ...[1, 2.5, 5, 7.5, 10, 20, 40, 80, 160, 640, 2_560],
];
export const perTokenBuckets = [
  ...[0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.075, 0.1, 0.15, 0.2],
  ...[0.3, 0.4, 0.5, 0.75, 1, 2.5],
];
