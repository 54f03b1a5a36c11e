/** Pure: what is unfinished after a batch of changes. */
import {
  besideText,
  usualBytesPerToken,
} from "@jetscribe/event-log/streams/outcomeReserve";
import { isOpen, type TaskState } from "@jetscribe/schema";
import type { Change, OpenWork } from "@jetscribe/task-store";

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
