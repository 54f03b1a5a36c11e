/**
 * A page of an owner's tasks, the newest first, by the times in their ids. It is put together from ranges: the tasks of
 * one queue with one status, and of these the ones with a label, stand side by side in the file in the order of their
 * ids. Each further range has to be read only down to the page's last task so far.
 */
import type {
  ListQuestion,
  TaskPage,
} from "@jetscribe/event-log/read/taskIndex";
import type { OwnDatabase } from "@jetscribe/runtime/ownDatabase";
import type { ListedTask } from "@jetscribe/schema";
import { bytes, highest, lowest, makeIds, type Ids, type Range } from "./idsOf.ts"; // prettier-ignore
import type { OpenAt } from "./openAt.ts";
import type { NumberedQueue, QueueNumbers } from "./queueNumbers.ts";
import { labelTexts, readLabels } from "./rows.ts";
import { uuidOf } from "./schema.ts";
import { attemptOf, statuses, type TaskRow } from "./taskRow.ts";
import { storedBefore } from "./times.ts";

type Sql = Pick<OwnDatabase, "sql">;
type Filter = Omit<ListQuestion, "created" | "seq">;

/** Of several labels, all ranges together are looked into so often for a page. */
const maxLooks = 4_000;
const fewestLooks = 64;
/** A page ends early where its labels have so many characters: the answer is one message. */
const maxPageChars = 300_000;

/** The time in a task's id may be so far ahead of the broker's clock, for a list at a moment of the past. */
const aheadMs = 120_000;

export function listTasks(
  { sql }: Sql,
  queues: Pick<QueueNumbers, "of">,
  filter: Filter,
  open?: OpenAt,
): TaskPage {
  const mine = queues
    .of(filter.owner)
    .filter((queue) => isMeant(queue, filter));
  if (filter.ids) return named({ sql }, filter.ids, mine, filter);
  const ranges = rangesOf(mine, open ? withinPast({ sql }, filter, open) : filter); // prettier-ignore
  const labels = labelTexts(filter);
  if (filter.count && labels.length < 2)
    return { tasks: [], count: countOf({ sql }, ranges, labels[0]) };
  const most = filter.count ? Infinity : filter.limit + 1;
  const { ids, seenDownTo } = find(
    makeIds({ sql }, open),
    ranges,
    labels,
    most,
  );
  return filter.count
    ? { tasks: [], count: ids.length, ...cursorAt(seenDownTo) }
    : pageOf({ sql }, ids, mine, { ...filter, seenDownTo }, open);
}

/** What was requested later is passed over without a look. */
function withinPast({ sql }: Sql, filter: Filter, { seq }: OpenAt): Filter {
  const upToMs = (storedBefore({ sql }, seq) ?? Infinity) + aheadMs;
  const before_ms = Math.min(filter.before_ms ?? Infinity, upToMs);
  return Number.isFinite(before_ms) ? { ...filter, before_ms } : filter;
}

/** Those of the named tasks that match. */
function named(
  { sql }: Sql,
  ids: readonly string[],
  queues: readonly NumberedQueue[],
  filter: Filter,
): TaskPage {
  const above = idBefore(filter.after_ms) ?? lowest;
  const below = idBefore(filter.before_ms) ?? highest;
  const inTime = ids.filter((id) => id > above && id < below);
  const at = { ...filter, limit: ids.length, seenDownTo: lowest };
  const page = pageOf({ sql }, inTime.sort().reverse(), queues, at);
  const labels = labelTexts(filter);
  const tasks = page.tasks.filter((task) => {
    const own = new Set(labelTexts(task));
    return (
      (filter.status?.includes(task.status) ?? true) &&
      labels.every((label) => own.has(label))
    );
  });
  return { ...page, tasks };
}

function rangesOf(queues: readonly NumberedQueue[], filter: Filter): Range[] {
  const above = idBefore(filter.after_ms) ?? lowest;
  const below = lower(
    idBefore(filter.before_ms) ?? highest,
    filter.cursor ?? highest,
  );
  const wanted = new Set(filter.status ?? statuses);
  return [...wanted].flatMap((word) => {
    const status = statuses.indexOf(word);
    return queues.map(({ number }) => ({
      queue: number,
      status,
      above,
      below,
    }));
  });
}

/** The newest ids of all ranges, so many at most; `seenDownTo`: below that it was not looked everywhere. */
function find(
  { idsOf, idsWithLabels }: Ids,
  ranges: readonly Range[],
  labels: readonly string[],
  most: number,
): { ids: string[]; seenDownTo: string } {
  const looks = Math.max(fewestLooks, Math.floor(maxLooks / ranges.length));
  let found: string[] = [];
  let seenDownTo = lowest;
  let above = lowest;
  for (const range of ranges) {
    const at = { ...range, above: higher(range.above, above) };
    const { ids, end } =
      labels.length === 0
        ? { ids: idsOf(at, most), end: lowest }
        : idsWithLabels(at, labels, { most, looks });
    found = [...found, ...ids].sort().reverse().slice(0, most);
    seenDownTo = higher(seenDownTo, end);
    above = higher(above, higher(seenDownTo, found[most - 1] ?? lowest));
  }
  return { ids: found.filter((id) => id >= seenDownTo), seenDownTo };
}

/** How many tasks are in the ranges, or have the label there. */
function countOf(
  { sql }: Sql,
  ranges: readonly Range[],
  label: string | undefined,
): number {
  let count = 0;
  for (const { queue, status, ...range } of ranges) {
    const [above, below] = [bytes(range.above), bytes(range.below)];
    const row =
      label === undefined
        ? sql.get`SELECT count(*) AS count FROM tasks INDEXED BY lists WHERE queue = ${queue} AND status = ${status}
            AND id > ${above} AND id < ${below}`
        : sql.get`SELECT count(*) AS count FROM labels WHERE queue = ${queue} AND status = ${status} AND label = ${label}
            AND id > ${above} AND id < ${below}`;
    count += Number(row?.["count"]);
  }
  return count;
}

const cursorAt = (seenDownTo: string) =>
  seenDownTo === lowest ? {} : { cursor: seenDownTo };

const isMeant = ({ model, lane }: NumberedQueue, filter: Filter): boolean =>
  (filter.model ?? model) === model && (filter.lane ?? lane) === lane;

/** What every id of this time or later is above, and every earlier one below. */
const idBefore = (ms: number | undefined): string | undefined =>
  ms === undefined
    ? undefined
    : Math.min(Math.ceil(ms), 2 ** 48 - 1)
        .toString(16)
        .padStart(12, "0");

const lower = (a: string, b: string): string => (a < b ? a : b);
const higher = (a: string, b: string): string => (a > b ? a : b);

function pageOf(
  { sql }: Sql,
  ids: readonly string[],
  queues: readonly NumberedQueue[],
  page: Pick<Filter, "limit" | "owner"> & { seenDownTo: string },
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
    chars += JSON.stringify(row.labels ?? "").length;
    const isFull = tasks.length === limit || chars > maxPageChars;
    if (isFull && tasks.length > 0) return { tasks, cursor: end };
    const { owner } = queue;
    const ofWhom = page.owner === undefined ? { owner } : {};
    tasks.push({ ...taskOf(id, row, queue), ...ofWhom });
    end = id;
  }
  return { tasks, ...cursorAt(seenDownTo) };
}

type Listed = Omit<TaskRow, "seqs" | "since" | "stays">;

/** As it is now, or was at a moment: a task that had an outcome by then has changed no more. */
function readRow({ sql }: Sql, id: string, open?: OpenAt): Listed | undefined {
  const key = bytes(id);
  const row =
    sql.get`SELECT queue, status, progress, requested_at AS requestedAt, started_at AS startedAt, ended_at AS endedAt, error
      FROM tasks WHERE id = ${key}` as (Listed & object) | undefined;
  if (row === undefined) return undefined;
  const labels = readLabels(sql, key);
  const then = open?.rows.get(id);
  if (then === undefined) return { ...row, labels };
  const { status, progress, startedAt } = then;
  const before = { status, progress, startedAt, endedAt: null, error: null };
  return { ...row, ...before, labels };
}

function taskOf(
  id: string,
  row: Listed,
  { model, lane }: NumberedQueue,
): ListedTask {
  const { requestedAt, startedAt, endedAt, error } = row;
  const { scheduled_time: _, ...labels } = row.labels ?? {};
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
    ...labels,
  };
}
