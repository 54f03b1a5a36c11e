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
import { failedWith } from "@jetscribe/schema";
import { idsWithError, looksFor } from "./errorTexts.ts";
import { findIds, type Budget, type Search } from "./findIds.ts";
import { cursorAt, pageOf } from "./pageOf.ts";
import { bytes, highest, lowest, makeIds, type Range } from "./idsOf.ts"; // prettier-ignore
import type { OpenAt } from "./openAt.ts";
import type { NumberedQueue, QueueNumbers } from "./queueNumbers.ts";
import { labelTexts } from "./rows.ts";
import { statuses } from "./taskRow.ts";
import { storedBefore } from "./times.ts";

type Sql = Pick<OwnDatabase, "sql">;
type Filter = Omit<ListQuestion, "created" | "seq">;

/** For labels, all ranges together are looked into so often for a page. */
const maxLooks = 4_000;
/** The time in a task's id may be so far ahead of the broker's clock, for a list at a moment of the past. */
const aheadMs = 120_000;

/** `looks`: for a page, where it is not as many as the kind of search may take. */
export function listTasks(
  { sql }: Sql,
  queues: Pick<QueueNumbers, "of">,
  filter: Filter,
  open?: OpenAt,
  looks?: number,
): TaskPage {
  const mine = queues
    .of(filter.owner)
    .filter((queue) => isMeant(queue, filter));
  if (filter.ids) return named({ sql }, filter.ids, mine, filter);
  const ranges = rangesOf(mine, open ? withinPast({ sql }, filter, open) : filter); // prettier-ignore
  const labels = labelTexts(filter);
  if (filter.count && labels.length < 2 && filter.error === undefined)
    return { tasks: [], count: countOf({ sql }, ranges, labels[0]) };
  const most = filter.count ? Infinity : filter.limit + 1;
  const { search, budget } = searchIn({ sql }, filter, open);
  const { least } = budget;
  const { ids, seenDownTo } = findIds(search, ranges, most, {
    least,
    looks: Math.max(least, looks ?? budget.looks),
  });
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
      labels.every((label) => own.has(label)) &&
      (filter.error === undefined || failedWith(task, filter.error))
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
  if (filter.error !== undefined)
    for (const word of statuses) if (word !== "failed") wanted.delete(word);
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

/** By an error's text, by labels or by neither; and how often it may look for a page. */
function searchIn(
  { sql }: Sql,
  filter: Filter,
  open: OpenAt | undefined,
): { search: Search; budget: Budget } {
  const labels = labelTexts(filter);
  const { error } = filter;
  if (error !== undefined) {
    const seq = open?.seq ?? Number.MAX_SAFE_INTEGER;
    return {
      search: (range, limits) =>
        idsWithError({ sql }, range, error, labels, { ...limits, seq }),
      budget: { looks: looksFor(labels.length), least: 1 },
    };
  }
  const { idsOf, idsWithLabels } = makeIds({ sql }, open);
  const search: Search =
    labels.length === 0
      ? (range, { most }) => ({ ids: idsOf(range, most), end: lowest, looked: 0 }) // prettier-ignore
      : (range, limits) => idsWithLabels(range, labels, limits);
  return { search, budget: { looks: maxLooks, least: labels.length } };
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
