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

const VERSION = 4;
const isCurrent = (value: string | null | undefined): value is string =>
  value?.startsWith(`[${VERSION},`) === true;

export const encodeCheckpoint = (checkpoint: Checkpoint): string => {
  const { created, seq, id, caughtUp, beat, bytes, open } = checkpoint;
  const { tasks, tokens, bytes: beside, bytesPerToken } = open;
  return JSON.stringify([
    VERSION,
    created,
    seq,
    id,
    caughtUp,
    beat,
    bytes,
    tasks,
    tokens,
    beside,
    bytesPerToken,
  ]);
};

export function decodeCheckpoint(
  value: string | null | undefined,
): Checkpoint | undefined {
  if (!isCurrent(value)) return undefined;
  const [, created, seq, id, caughtUp, beat, bytes, ...open] = JSON.parse(
    value,
  ) as [
    version: number,
    created: string,
    seq: number,
    id: string,
    caughtUp: boolean,
    beat: number,
    bytes: number,
    tasks: number,
    tokens: number,
    beside: number,
    bytesPerToken: number,
  ];
  const [tasks, tokens, beside, bytesPerToken] = open;
  return {
    created,
    seq,
    id,
    caughtUp,
    beat,
    bytes,
    open: { tasks, tokens, bytes: beside, bytesPerToken },
  };
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
  max_tokens: number,
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
    max_tokens,
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
    max_tokens,
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
    max_tokens,
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
    max_tokens,
    attempt,
    failures,
    ...rest,
  } as TaskState;
}
