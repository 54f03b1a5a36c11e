import type { TaskStatusName } from "../taskStatus.ts";

/** A state as a word with a mark of its own: never told by the colour alone. */
export function Status({ status }: { status: TaskStatusName }) {
  return (
    <span class={`status ${status}`}>
      <svg viewBox="0 0 12 12" aria-hidden="true">
        <path d={marks[status]} />
      </svg>
      {status}
    </span>
  );
}

const marks = {
  queued: "M6 1.5a4.5 4.5 0 1 0 .01 0M6 3.5V6l1.8 1.2",
  processing: "M3.5 2.2v7.6L10 6z",
  completed: "M2 6.5 4.8 9.2 10 3",
  failed: "M3 3l6 6M9 3l-6 6",
  cancelled: "M6 1.5a4.5 4.5 0 1 0 .01 0M3 9l6-6",
} as const satisfies Record<TaskStatusName, string>;
