/** What folds events, for browsers: `@jetscribe/schema/evolve` loads no zod. */
export * from "./api/errorText.ts";
export * from "./api/foldFeed.ts";
export * from "./generate/isOutcome.ts";
export * from "./generate/kinds.ts";
export * from "./generate/task.ts";
export * from "./generate/taskId.ts";
export * from "./generate/timingOf.ts";
