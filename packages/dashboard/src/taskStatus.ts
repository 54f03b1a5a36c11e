/** The states of a task, in the order of its life. By name: the schema's list would bring zod into the page. */
import type { TaskStatus } from "@jetscribe/schema";

export type TaskStatusName = TaskStatus;

export const TaskStatuses = [
  "queued",
  "processing",
  "completed",
  "failed",
  "cancelled",
] as const satisfies readonly TaskStatusName[];

export const isOpen = (status: TaskStatusName): boolean =>
  status === "queued" || status === "processing";
