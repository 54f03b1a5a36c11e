/** A log of many tasks, for measurements that only read. */
import type { Appender } from "@jetscribe/event-log/append/append";
import {
  completed,
  queue,
  requestedBy,
  started,
} from "@jetscribe/event-log/test/eventLogTestKit";
import { newTaskId } from "@jetscribe/schema";

/** Tasks whose events are stored side by side, as where so many run at once. */
const AT_ONCE = 500;

/** Tasks that were requested, started and completed. */
export async function fillLog(
  appender: Appender,
  count: number,
): Promise<string[]> {
  const ids: string[] = [];
  while (ids.length < count) {
    const size = Math.min(AT_ONCE, count - ids.length);
    const some = Array.from({ length: size }, () => newTaskId());
    const events = [
      some.map((task_id) => requestedBy(queue, { task_id })),
      some.map((id) => started(id)),
      some.map((id) => completed(id)),
    ].flat();
    await Promise.all(events.map((event) => appender.append(event, queue)));
    ids.push(...some);
  }
  return ids;
}
