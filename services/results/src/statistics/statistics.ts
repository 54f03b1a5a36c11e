/** The statistics of tasks, folded from the log beside the task index and kept in its file: decision 0041. */
import type { Delivery } from "@jetscribe/event-log/read/pull";
import type {
  AnsweredPart,
  StatisticsQuestion,
} from "@jetscribe/event-log/read/taskIndex";
import type { OwnDatabase } from "@jetscribe/runtime/ownDatabase";
import { kinds, parseEventSubject, type Queue } from "@jetscribe/schema";
import type { Change } from "./bucket.ts";
import { openBuckets } from "./buckets.ts";
import { makeGathered } from "./gathered.ts";
import { makeOpenCounts, type Open } from "./openCounts.ts";
import { outcomeOf } from "./outcomeOf.ts";
import { readStatistics } from "./readStatistics.ts";
import type { Kept } from "./series.ts";

export type Statistics = ReturnType<typeof openStatistics>;

/** `openTasks`: how many the file has, by queue. */
export function openStatistics(
  file: OwnDatabase,
  kept: Kept,
  openTasks: Iterable<readonly [Queue, keyof Open, number]>,
) {
  const buckets = openBuckets(file, kept);
  const open = makeOpenCounts();
  for (const [queue, state, count] of openTasks)
    open.addTo(queue, state, count);
  const gathered = makeGathered();
  const addGathered = () =>
    gathered.drain((at, queue, bucket) => {
      buckets.add(at, queue, bucket);
      open.addTo(queue, "waiting", bucket.waiting);
      open.addTo(queue, "running", bucket.running);
    });

  return {
    /** When the latest event that was counted was stored, in seconds since the epoch; 0: not known. */
    latest(): number {
      addGathered();
      return buckets.latest();
    },
    /** Takes what an event changed of its task. */
    note(message: Delivery, change: Omit<Change, "metrics" | "error">): void {
      const parsed = parseEventSubject(message.subject);
      if (parsed === undefined) return;
      const { type, queue } = parsed;
      const whole = kinds[type].outcome
        ? { ...change, ...outcomeOf(message) }
        : change;
      gathered.note(message.time, queue, whole);
    },
    write: (): void => {
      addGathered();
      buckets.write();
    },
    restart(): void {
      gathered.clear();
      buckets.restart();
      open.clear();
    },
    /** What the file has, which has to be whole. */
    read: ({ parts, ...wanted }: StatisticsQuestion): AnsweredPart[] =>
      parts.map((part) =>
        readStatistics({ file, buckets, open }, wanted, part),
      ),
  };
}
