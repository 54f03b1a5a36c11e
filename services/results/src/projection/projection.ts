/**
 * The projection of the log into Redis. Any number of instances may run; the checkpoint decides which one writes:
 *
 *   following ──the checkpoint stands still──▶ leading ──another one wrote the checkpoint──▶ following
 */
import type { Broker } from "@jetscribe/event-log/broker/connection";
import type { Logger, TraceProjection } from "@jetscribe/runtime";
import type { Checkpoint, OpenWork } from "@jetscribe/task-store";
import { setTimeout as sleep } from "node:timers/promises";
import {
  leadProjection,
  type OnNews,
  type OnRead,
  type Store,
} from "./leadProjection.ts";
import { untilVacant } from "./untilVacant.ts";

/** What this instance does, and how far the projection is as far as it knows. */
export interface Role {
  leading: boolean;
  seq: number;
  caughtUp: boolean;
  /** What is unfinished; undefined while nothing is projected. */
  open?: OpenWork;
  /** Why it leads and does not get on. */
  error?: string;
}

export type Projection = ReturnType<typeof makeProjection>;

const patienceMs = 1_000;

export function makeProjection(
  broker: Broker,
  store: Store,
  log: Logger,
  {
    onRead,
    onNews,
    traces,
  }: { onRead: OnRead; onNews: OnNews; traces?: TraceProjection | undefined },
) {
  let role: Role = { leading: false, seq: 0, caughtUp: false };
  let inDoubt = false;
  const see = (leading: boolean, checkpoint?: Checkpoint) => {
    const { seq = 0, caughtUp = false, open } = checkpoint ?? {};
    role = { leading, seq, caughtUp, ...(open && { open }) };
  };

  /** Projects until the signal aborts; then it leaves the lead to whoever is there. */
  async function run(signal: AbortSignal): Promise<void> {
    for (let newcomer = true; ; newcomer = false) {
      const onSeen = (checkpoint?: Checkpoint) => see(false, checkpoint);
      const options = { newcomer, onSeen };
      const vacant = await untilVacant(store.reader, options, signal);
      if (vacant === undefined) return;
      const lead = {
        broker,
        ...store,
        log,
        onRead,
        onNews,
        traces,
        onProgress: (checkpoint?: Checkpoint) => see(true, checkpoint),
        onTrouble: (error: string) =>
          void (role = { ...role, leading: true, error }),
        onLostTail: () => void (inDoubt = true),
      };
      await leadProjection(lead, vacant.found, signal);
      see(false);
    }
  }

  /** Waits a second at most until the log is projected up to this sequence; false: it isn't. */
  async function reaches(seq: number): Promise<boolean> {
    const until = performance.now() + patienceMs;
    while (role.seq < seq && performance.now() < until) await sleep(20);
    return role.seq >= seq;
  }

  return {
    reaches,
    role: () => role,
    /** Whether the work queues may have missed requests, since the log lost its tail. */
    queuesInDoubt: () => inDoubt,
    queuesRemade: () => void (inDoubt = false),
    run,
  };
}
