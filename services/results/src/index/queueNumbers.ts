/** A number for each queue (model, lane and owner), since a task's row has no room for names. */
import type { OwnDatabase } from "@jetscribe/runtime/ownDatabase";
import type { Queue } from "@jetscribe/schema";

export interface NumberedQueue extends Queue {
  /** From 1. */
  number: number;
}

export type QueueNumbers = ReturnType<typeof openQueueNumbers>;

const nameOf = ({ model, lane, owner }: Queue): string =>
  `${model} ${lane} ${owner}`;

/** How many tasks of each queue wait and run. */
export function* openTasksIn(
  { sql }: Pick<OwnDatabase, "sql">,
  queues: Pick<QueueNumbers, "of">,
) {
  for (const queue of queues.of(undefined))
    for (const [status, state] of ["waiting", "running"].entries()) {
      const row = sql.get`SELECT count(*) AS count FROM tasks INDEXED BY lists
        WHERE queue = ${queue.number} AND status = ${status}`;
      yield [queue, state as "waiting", Number(row?.["count"])] as const;
    }
}

export function openQueueNumbers({ sql }: Pick<OwnDatabase, "sql">) {
  // Of a queue that all tasks have left there is nothing to list.
  sql.run`DELETE FROM queues WHERE NOT EXISTS (SELECT 1 FROM tasks WHERE queue = number)`;
  const known =
    sql.all`SELECT number, model, lane, owner FROM queues` as unknown as NumberedQueue[];
  const byName = new Map(known.map((queue) => [nameOf(queue), queue]));
  const byOwner = Map.groupBy(known, ({ owner }) => owner);
  let last = Math.max(0, ...known.map(({ number }) => number));

  function add(queue: Queue): NumberedQueue {
    const { model, lane, owner } = queue;
    const added = { model, lane, owner, number: ++last };
    sql.run`INSERT INTO queues VALUES (${last}, ${model}, ${lane}, ${owner})`;
    byName.set(nameOf(queue), added);
    byOwner.set(owner, [...(byOwner.get(owner) ?? []), added]);
    return added;
  }

  return {
    /** A queue that is new gets a number. */
    numberOf: (queue: Queue): number =>
      (byName.get(nameOf(queue)) ?? add(queue)).number,
    /** The queues that an owner ever had; of every owner where none is named. */
    of: (owner: string | undefined): readonly NumberedQueue[] =>
      owner === undefined ? [...byName.values()] : (byOwner.get(owner) ?? []),
  };
}
