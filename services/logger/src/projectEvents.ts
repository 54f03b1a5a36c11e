/** Pure: a batch of events -> the lines of the tasks that they end. `evolve` is the only fold. */
import { decodeEvent, type LogMessage } from "@jetscribe/event-log/codec/codec";
import {
  eventTypes,
  evolve,
  isOpen,
  parseEventSubject,
  type EventType,
  type Names,
  type OpenTask,
  type TaskState,
} from "@jetscribe/schema";
import { formatError, formatLine } from "./formatLine.ts";
import type { Line } from "./logFile.ts";

/** Nothing of a line comes from starts and retries. */
const read: ReadonlySet<EventType> = new Set([
  "GenerateRequested",
  "GenerateCompleted",
  "GenerateFailed",
  "GenerateCancelled",
]);

/** The subjects of the events that lines are made of. */
export const readSubjects = ({
  subjects,
}: Pick<Names, "subjects">): string[] => [
  ...Array.from(read, (type) =>
    subjects.event(eventTypes[type].word, anyQueue),
  ),
  subjects.event("requested", { ...anyQueue, group: "*" }),
];
const anyQueue = { model: "*", lane: "*", owner: "*" };

export function projectEvents(
  messages: readonly LogMessage[],
  {
    taskBefore,
    withResult,
    onGarbage,
  }: {
    /** The task before this batch; `ended`: it has its line. */
    taskBefore: (taskId: string) => OpenTask | "ended" | undefined;
    withResult: boolean;
    onGarbage: (seq: number, why: string) => void;
  },
) {
  /** Those that changed, as they are now. */
  const tasks = new Map<string, TaskState>();
  const requests: Line[] = [];
  const errors: Line[] = [];
  for (const message of messages) {
    // An old server sends the others too.
    const type = parseEventSubject(message.subject)?.type;
    if (type === undefined || !read.has(type)) continue;
    const decoded = decodeEvent(message);
    if ("garbage" in decoded) {
      onGarbage(message.seq, decoded.garbage);
      continue;
    }
    const { event } = decoded;
    const { task_id } = event.data;
    const before = tasks.get(task_id) ?? taskBefore(task_id);
    if (before === "ended") continue;
    const after = evolve(before, event);
    if (after === undefined || after === before) continue;
    tasks.set(task_id, after);
    if (isOpen(after)) continue;
    const { time } = event;
    requests.push({ text: formatLine(after, withResult), time });
    if (after.status === "failed" && event.type === "GenerateFailed")
      errors.push({
        text: formatError(after, event.data.error.traceback),
        time,
      });
  }
  return { requests, errors, tasks };
}
