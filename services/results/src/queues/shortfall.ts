/** Pure: whether a work queue has lost tasks, and which queues are looked at next. */
import type { WorkQueueInfo } from "@jetscribe/event-log/streams/topology";

/** What a queue's consumer says of itself. */
export type ConsumerCounts = Pick<
  WorkQueueInfo,
  "pending" | "ackPending" | "deliveredSeq"
>;

/** How many tasks of a queue are open by the projection. */
export interface OpenCounts {
  all: number;
  /** Those whose requests stand before the latest one that the consumer delivered. */
  delivered: number;
}

/**
 * Why a queue has to be made again; undefined: it holds all its open tasks. An open task that was delivered is
 * unacknowledged, and one that was not is pending. `pending` may be too high on nats-server 2.9, so it is never what
 * clears a queue: a task that the consumer passed over is missing among the unacknowledged ones.
 */
export function shortfallOf(
  consumer: ConsumerCounts | undefined,
  open: OpenCounts,
): string | undefined {
  if (open.all === 0) return undefined;
  if (consumer === undefined) return "it was missing";
  const { pending, ackPending } = consumer;
  if (ackPending < open.delivered)
    return `it had ${ackPending} of ${open.delivered} delivered tasks`;
  const known = pending + ackPending;
  return known < open.all ? `it had ${known} of ${open.all} tasks` : undefined;
}

/**
 * The next `most` of the named, in the order of their names and round about, beginning behind `after`; besides them
 * those in `always`. `last` is where the next turn begins.
 */
export function takeTurns<T extends { name: string }>(
  all: readonly T[],
  {
    after,
    most,
    always,
  }: {
    after: string;
    most: number;
    always: { has: (name: string) => boolean };
  },
): { chosen: T[]; last: string } {
  if (all.length <= most) return { chosen: [...all], last: "" };
  const sorted = all.toSorted((a, b) => (a.name < b.name ? -1 : 1));
  const begin = sorted.findIndex(({ name }) => name > after);
  const from = begin < 0 ? 0 : begin;
  const inOrder = [...sorted.slice(from), ...sorted.slice(0, from)];
  const turn = inOrder.slice(0, most);
  const rest = inOrder.slice(most).filter(({ name }) => always.has(name));
  return { chosen: [...turn, ...rest], last: turn.at(-1)?.name ?? "" };
}
