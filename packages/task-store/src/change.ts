import type { TaskState } from "@jetscribe/schema";

/** A task before and after the events of a batch. */
export interface Change {
  before: TaskState | undefined;
  after: TaskState;
}
