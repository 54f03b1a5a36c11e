/**
 * The values in Redis: JSON arrays that open with their version, in half the bytes of objects. A value of another
 * version counts as missing, so a new version is a rebuild from the log and no migration.
 */
import type { TaskState } from "@jetscribe/schema";

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
  /** False while it rebuilds: until then a state without an outcome proves nothing. */
  caughtUp: boolean;
  /** Grows with every write: one that stands still has no leader. 0: its leader has left. */
  beat: number;
}

const VERSION = 3;
const isCurrent = (value: string | null | undefined): value is string =>
  value?.startsWith(`[${VERSION},`) === true;

export const encodeCheckpoint = (checkpoint: Checkpoint): string => {
  const { created, seq, id, caughtUp, beat, bytes } = checkpoint;
  return JSON.stringify([VERSION, created, seq, id, caughtUp, beat, bytes]);
};

export function decodeCheckpoint(
  value: string | null | undefined,
): Checkpoint | undefined {
  if (!isCurrent(value)) return undefined;
  const [, created, seq, id, caughtUp, beat, bytes] = JSON.parse(value) as [
    number,
    string,
    number,
    string,
    boolean,
    number,
    number,
  ];
  return { created, seq, id, caughtUp, beat, bytes };
}

/** What every task has by place, in the order in which it is stored; what only some have follows by name. */
type Stored = [
  version: number,
  status: TaskState["status"],
  seq: number,
  model: string,
  lane: TaskState["lane"],
  owner: string,
  enqueue_time: number,
  timeout_ms: number,
  start_timeout_ms: number,
  attempt: number,
  failures: number,
  rest: object,
];

/** The id is not in the value: it is the key. */
export function encodeTask(task: TaskState): string {
  const {
    task_id: _,
    status,
    seq,
    model,
    lane,
    owner,
    enqueue_time,
    timeout_ms,
    start_timeout_ms,
    attempt,
    failures,
    ...rest
  } = task;
  const stored: Stored = [
    VERSION,
    status,
    seq,
    model,
    lane,
    owner,
    enqueue_time,
    timeout_ms,
    start_timeout_ms,
    attempt,
    failures,
    rest,
  ];
  return JSON.stringify(stored);
}

export function decodeTask(
  task_id: string,
  value: string | null | undefined,
): TaskState | undefined {
  if (!isCurrent(value)) return undefined;
  const [
    ,
    status,
    seq,
    model,
    lane,
    owner,
    enqueue_time,
    timeout_ms,
    start_timeout_ms,
    attempt,
    failures,
    rest,
  ] = JSON.parse(value) as Stored;
  return {
    task_id,
    status,
    seq,
    model,
    lane,
    owner,
    enqueue_time,
    timeout_ms,
    start_timeout_ms,
    attempt,
    failures,
    ...rest,
  } as TaskState;
}
