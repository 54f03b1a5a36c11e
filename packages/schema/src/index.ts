export * from "./api/generate.ts";
export * from "./generate/announcements.ts";
export * from "./generate/events.ts";
export * from "./generate/metrics.ts";
export * from "./generate/slug.ts";
export * from "./generate/subjects.ts";
export * from "./generate/task.ts";
export * from "./generate/taskId.ts";
