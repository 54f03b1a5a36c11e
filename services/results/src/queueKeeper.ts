/** The work queues are cursors that the broker keeps; whatever it lost of them is noticed here and made again. */
import type { Broker } from "@jetscribe/event-log/connection";
import { streamState } from "@jetscribe/event-log/streamState";
import {
  listWorkQueues,
  remakeWorkQueue,
  workQueueInfo,
} from "@jetscribe/event-log/topology";
import type { Logger } from "@jetscribe/runtime";
import { streams, workConsumerName, type Queue } from "@jetscribe/schema";
import type { TaskReader } from "@jetscribe/task-store";
import { setTimeout as sleep } from "node:timers/promises";
import type { Projection } from "./projection.ts";

const checkEveryMs = 5_000;
/** A queue that knows of fewer tasks than wait for so long is made again. */
const shortForMs = 10_000;

export interface KeeperDeps {
  broker: Broker;
  reader: TaskReader;
  projection: Pick<
    Projection,
    "role" | "reaches" | "queuesInDoubt" | "queuesRemade"
  >;
  ackWaitMs: number;
  log: Logger;
}

/** Looks every 5 s, while this instance leads and is caught up, until the signal aborts. */
export async function keepQueues(
  { broker, reader, projection, ackWaitMs, log }: KeeperDeps,
  signal: AbortSignal,
): Promise<void> {
  /** Since when each queue has been short, by its consumer's name. */
  let short = new Map<string, number>();

  /** Everything up to the checkpoint that is still open is in the projection; what comes after it is yet to be delivered. */
  async function remake(queue: Queue, why: string): Promise<void> {
    const { seq } = projection.role();
    const fromSeq = (await reader.oldestOpen(queue)) ?? seq + 1;
    log.warn({ ...queue, from_seq: fromSeq, why }, "work queue made again");
    await remakeWorkQueue(broker, queue, { ackWaitMs, fromSeq });
  }

  async function check(): Promise<void> {
    const first = await streamState(broker, streams.events);
    const consumers = await listWorkQueues(broker);
    if (projection.queuesInDoubt()) {
      for (const { queue } of consumers)
        await remake(queue, "the log lost its tail");
      projection.queuesRemade();
      short.clear();
    }
    const { lastSeq } = await streamState(broker, streams.events);
    if (!(await projection.reaches(lastSeq))) return;
    // What still waits now, and stood in the log before the consumers were asked, was theirs at that time.
    const counts = new Map(
      consumers.map(({ queue, pending, ackPending }) => [
        workConsumerName(queue),
        pending + ackPending,
      ]),
    );
    const now = performance.now();
    const stillShort: typeof short = new Map();
    for (const { queue, waiting } of await reader.queues(first.lastSeq)) {
      const name = workConsumerName(queue);
      const known = counts.get(name);
      if (known === undefined) {
        // A cluster's list leaves out a consumer that has no leader at the moment.
        if ((await workQueueInfo(broker, queue)) === undefined)
          await remake(queue, "it was missing");
      } else if (known < waiting) {
        const since = short.get(name) ?? now;
        if (now - since < shortForMs) stillShort.set(name, since);
        else await remake(queue, `it had ${known} of ${waiting} tasks`);
      }
    }
    short = stillShort;
  }

  while (!signal.aborted) {
    await sleep(checkEveryMs, undefined, { signal }).catch(() => undefined);
    const { leading, caughtUp } = projection.role();
    if (!leading || !caughtUp || signal.aborted) continue;
    await check().catch((error: unknown) => {
      // The broker or Redis is away; whoever follows them says so.
      log.debug({ err: error }, "the work queues can't be looked at");
    });
  }
}
