/** The tasks of a page, as the index's file has them: as they are now, or were at a moment of the past. */
import type {
  ListQuestion,
  TaskPage,
} from "@jetscribe/event-log/read/taskIndex";
import type { OwnDatabase } from "@jetscribe/runtime/ownDatabase";
import type { ListedTask } from "@jetscribe/schema";
import { readErrorText } from "./errorTexts.ts";
import { bytes, lowest } from "./idsOf.ts";
import type { OpenAt } from "./openAt.ts";
import type { NumberedQueue } from "./queueNumbers.ts";
import { readLabels } from "./rows.ts";
import { uuidOf } from "./schema.ts";
import { attemptOf, statuses, type TaskRow } from "./taskRow.ts";

type Sql = Pick<OwnDatabase, "sql">;

/** A page ends early where its labels and errors have so many characters: the answer is one message. */
const maxPageChars = 300_000;

export const cursorAt = (seenDownTo: string) =>
  seenDownTo === lowest ? {} : { cursor: seenDownTo };

/** The tasks of these ids that are of one of the queues, up to `limit`. `seenDownTo`: below that it was not looked everywhere. */
export function pageOf(
  { sql }: Sql,
  ids: readonly string[],
  queues: readonly NumberedQueue[],
  page: Pick<ListQuestion, "limit" | "owner"> & { seenDownTo: string },
  open?: OpenAt,
): TaskPage {
  const { limit, seenDownTo } = page;
  const byNumber = new Map(queues.map((queue) => [queue.number, queue]));
  const tasks: ListedTask[] = [];
  let chars = 0;
  let end = seenDownTo;
  for (const id of ids) {
    const row = readRow({ sql }, id, open);
    const queue = byNumber.get(row?.queue ?? 0);
    if (row === undefined || queue === undefined) continue;
    chars += JSON.stringify([row.labels, row.text]).length;
    const isFull = tasks.length === limit || chars > maxPageChars;
    if (isFull && tasks.length > 0) return { tasks, cursor: end };
    const { owner } = queue;
    const ofWhom = page.owner === undefined ? { owner } : {};
    tasks.push({ ...taskOf(id, row, queue), ...ofWhom });
    end = id;
  }
  return { tasks, ...cursorAt(seenDownTo) };
}

type Listed = Omit<TaskRow, "seqs" | "since" | "stays"> & {
  /** Of a failed task: type and message of its error. */
  text?: string;
};

/** As it is now, or was at a moment: a task that had an outcome by then has changed no more. */
function readRow({ sql }: Sql, id: string, open?: OpenAt): Listed | undefined {
  const key = bytes(id);
  const row =
    sql.get`SELECT queue, status, progress, requested_at AS requestedAt, started_at AS startedAt, ended_at AS endedAt, error
      FROM tasks WHERE id = ${key}` as (Listed & object) | undefined;
  if (row === undefined) return undefined;
  const labels = readLabels(sql, key);
  const then = open?.rows.get(id);
  if (then === undefined) {
    const isFailed = statuses[row.status] === "failed";
    const text = isFailed ? readErrorText({ sql }, row.queue, key) : "";
    return { ...row, labels, text };
  }
  const { status, progress, startedAt } = then;
  const before = { status, progress, startedAt, endedAt: null, error: null };
  return { ...row, ...before, labels };
}

function taskOf(
  id: string,
  row: Listed,
  { model, lane }: NumberedQueue,
): ListedTask {
  const { requestedAt, startedAt, endedAt, error, text = "" } = row;
  const { scheduled_time: _, ...labels } = row.labels ?? {};
  const message = messageIn(text, error);
  return {
    task_id: uuidOf(id),
    status: statuses[row.status] ?? "queued",
    model,
    lane,
    attempt: attemptOf(row),
    requested_at: requestedAt,
    ...(startedAt !== null && { started_at: startedAt }),
    ...(endedAt !== null && { ended_at: endedAt }),
    ...(error !== null && { error_type: error }),
    ...(message !== "" && { error_message: message }),
    ...labels,
  };
}

/** An error's text without its type. */
const messageIn = (text: string, type: string | null): string =>
  type === null ? text : text.slice(`${type}: `.length);
