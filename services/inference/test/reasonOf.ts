import type {
  InterruptReason,
  TaskInHand,
} from "../src/ownership/taskInHand.ts";

/** Why the work on a task was broken off; undefined: it goes on. */
export const reasonOf = ({ state }: TaskInHand): InterruptReason | undefined =>
  state.status === "interrupted" ? state.reason : undefined;
