/** What the other workers of the model said last: who lives, and who has which task. */
import { heardWithin } from "@jetscribe/event-log/broker/heardWithin";
import {
  goneAfter,
  goneAfterMs,
  type WorkerAnnouncement,
} from "@jetscribe/schema";

/** What the workers' announcements say. */
export interface Witness {
  /** The task is named by another worker that was heard in the last 6 s. */
  named: boolean;
  /** After so many ms more, a worker that was not heard is gone; 0: now. */
  silenceProvesInMs: number;
  /** Seconds since the epoch. */
  now: number;
  /** Whether a worker was heard in the last 6 s. */
  isHeard: (workerId: string) => boolean;
  /** The worker that did not name the task in its last announcement, which is newer than this state. */
  leftOutBy?: string | undefined;
}

export type Peers = ReturnType<typeof makePeers>;

/** `now` is a monotonic clock in ms. */
export function makePeers(
  self: string,
  now: () => number = () => performance.now(),
) {
  const peers = heardWithin<{
    goneAfterMs: number;
    tasks: ReadonlySet<string>;
  }>((peer) => peer.goneAfterMs, now);
  let listeningSince = now();
  /** Of the one that announces itself the least often: a worker that was not heard yet may be like it. */
  let longestGoneAfterMs = goneAfterMs;

  function heard(announcement: WorkerAnnouncement): void {
    const { worker_id, tasks, leaving } = announcement;
    if (worker_id === self) return;
    const peer = {
      goneAfterMs: goneAfter(announcement),
      tasks: new Set(tasks),
    };
    if (leaving) peers.forget(worker_id);
    else peers.note(worker_id, peer);
    longestGoneAfterMs = Math.max(
      goneAfterMs,
      ...peers.all().map((peer) => peer.goneAfterMs),
    );
  }

  /** Nothing was heard for a while: from now on silence has to last again before it proves anything. */
  function listenAnew(): void {
    peers.forgetAll();
    listeningSince = now();
  }

  return {
    heard,
    listenAnew,
    /** How many are heard. */
    count: () => peers.all().length,
    /** What is known about a task. */
    witnessOf: (taskId: string): Omit<Witness, "leftOutBy" | "now"> => ({
      named: peers.all().some(({ tasks }) => tasks.has(taskId)),
      silenceProvesInMs: Math.max(
        0,
        listeningSince + longestGoneAfterMs - now(),
      ),
      isHeard: (workerId) => peers.get(workerId) !== undefined,
    }),
    /** Silent for so many ms the worker is gone; one that is heard announces itself within that time. */
    goneAfterMs: (workerId: string): number =>
      peers.get(workerId)?.goneAfterMs ?? goneAfterMs,
  };
}
