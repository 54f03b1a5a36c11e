/**
 * The values in Redis: JSON arrays that open with their version, in half the bytes of objects. A value of another
 * version counts as missing, so a new version is a rebuild from the log and no migration.
 */
import type { TaskState } from "@jetscribe/schema";

/** What is unfinished, and what its outcomes may need in the log. */
export interface OpenWork {
  tasks: number;
  /** Their `max_tokens` together. */
  tokens: number;
  /** What their outcomes have beside the text, in bytes. */
  bytes: number;
  /** What a token of text takes in the log at most: all but the largest of a thousand outcomes take less. */
  bytesPerToken: number;
}

/** How far the log is folded into the projection. */
export interface Checkpoint {
  /** When the stream EVENTS was created, as the broker says it. */
  created: string;
  /** The last sequence folded in. */
  seq: number;
  /** The ce-id at that sequence; "" at 0. */
  id: string;
  /** The bytes of all messages folded in, since the projection was begun. */
  bytes: number;
  open: OpenWork;
  /** False while it rebuilds: until then a state without an outcome proves nothing. */
  caughtUp: boolean;
  /** Grows with every write: one that stands still has no leader. 0: its leader has left. */
  beat: number;
}

const VERSION = 7;
const isCurrent = (value: string | null | undefined): value is string =>
  value?.startsWith(`[${VERSION},`) === true;

// In the order in which they are stored.
const checkpointFields = [
  "created",
  "seq",
  "id",
  "caughtUp",
  "beat",
  "bytes",
] as const;
const openFields = ["tasks", "tokens", "bytes", "bytesPerToken"] as const;
/** What every task has; what only some have follows by name. */
const taskFields = [
  "status",
  "seq",
  "model",
  "lane",
  "owner",
  "enqueue_time",
  "timeout_ms",
  "start_timeout_ms",
  "max_tokens",
  "attempt",
  "failures",
] as const satisfies readonly (keyof TaskState)[];
/** The id is not in the value: it is the key. */
const notInRest: ReadonlySet<string> = new Set(["task_id", ...taskFields]);

/** The values from a place on, under their names. */
function named(
  fields: readonly string[],
  values: readonly unknown[],
  from: number,
): Record<string, unknown> {
  const found: Record<string, unknown> = {};
  fields.forEach((field, i) => (found[field] = values[from + i]));
  return found;
}

export const encodeCheckpoint = (checkpoint: Checkpoint): string =>
  JSON.stringify([
    VERSION,
    ...checkpointFields.map((field) => checkpoint[field]),
    ...openFields.map((field) => checkpoint.open[field]),
  ]);

export function decodeCheckpoint(
  value: string | null | undefined,
): Checkpoint | undefined {
  if (!isCurrent(value)) return undefined;
  const values = JSON.parse(value) as unknown[];
  const open = named(openFields, values, 1 + checkpointFields.length);
  const checkpoint = { ...named(checkpointFields, values, 1), open };
  return checkpoint as unknown as Checkpoint;
}

export function encodeTask(task: TaskState): string {
  const rest: Record<string, unknown> = {};
  for (const name in task)
    if (!notInRest.has(name)) rest[name] = task[name as keyof TaskState];
  const values = taskFields.map((field) => task[field]);
  return JSON.stringify([VERSION, ...values, rest]);
}

export function decodeTask(
  task_id: string,
  value: string | null | undefined,
): TaskState | undefined {
  if (!isCurrent(value)) return undefined;
  const values = JSON.parse(value) as unknown[];
  const task = { task_id, ...named(taskFields, values, 1) };
  return Object.assign(task, values.at(-1)) as unknown as TaskState;
}
