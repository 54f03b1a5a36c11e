/** Pure: what a batch of the log makes of tasks, of the work that is unfinished, and of the log's milestones. */
import {
  besideText,
  usualBytesPerToken,
} from "@jetscribe/event-log/streams/logLimit";
import type { Delivery } from "@jetscribe/event-log/read/pull";
import {
  evolve,
  isOpen,
  type RecordedEvent,
  type TaskState,
} from "@jetscribe/schema";
import type {
  Change,
  Checkpoint,
  Milestone,
  OpenWork,
} from "@jetscribe/task-store";

/** Folds a batch of events, in stream order, into the states that their tasks had before. Only what changed comes out. */
export function projectTasks(
  before: ReadonlyMap<string, TaskState | undefined>,
  events: readonly RecordedEvent[],
): Change[] {
  const after = new Map(before);
  for (const event of events) {
    const { task_id } = event.data;
    after.set(task_id, evolve(after.get(task_id), event));
  }
  const changes: Change[] = [];
  for (const [id, state] of after) {
    const was = before.get(id);
    if (state !== undefined && state !== was)
      changes.push({ before: was, after: state });
  }
  return changes;
}

export const noOpenWork: OpenWork = {
  tasks: 0,
  tokens: 0,
  bytes: 0,
  bytesPerToken: usualBytesPerToken,
};

export function openWorkAfter(
  open: OpenWork,
  changes: readonly Change[],
  bytesPerToken: number,
): OpenWork {
  let { tasks, tokens, bytes } = open;
  const count = (task: TaskState | undefined, sign: 1 | -1) => {
    if (task === undefined || !isOpen(task)) return;
    tasks += sign;
    tokens += sign * task.max_tokens;
    bytes += sign * besideText(task);
  };
  for (const { before, after } of changes) {
    count(before, -1);
    count(after, 1);
  }
  return { tasks, tokens, bytes, bytesPerToken };
}

/** In a full log there are so many. */
const milestonesInAll = 256;

/** The bytes of all messages up to the end of the batch, and the milestones that it passes. */
export function measure(
  before: Pick<Checkpoint, "seq" | "bytes"> | undefined,
  messages: readonly Pick<Delivery, "seq" | "storedBytes">[],
  /** Of the log, in bytes. */
  limit: number,
): { bytes: number; milestones: Milestone[] } {
  const every = limit / milestonesInAll;
  const passed = (upTo: number) => Math.floor(upTo / every);
  let { seq, bytes } = before ?? { seq: 0, bytes: 0 };
  const milestones = bytes === 0 ? [{ seq, bytes }] : [];
  for (const message of messages) {
    const was = bytes;
    ({ seq } = message);
    bytes += message.storedBytes;
    if (passed(bytes) > passed(was)) milestones.push({ seq, bytes });
  }
  return { bytes, milestones };
}
