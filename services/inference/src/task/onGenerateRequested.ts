/**
 * One work item: look, decide, attempt, until it has one outcome or is somebody else's. What it comes to is a value;
 * only the log's `consume.ts` turns it into an acknowledgement.
 */
import { AppendError } from "@jetscribe/event-log/append/append";
import type { BrokerClock } from "@jetscribe/event-log/broker/brokerClock";
import type { WorkItem } from "@jetscribe/event-log/work/consume";
import type { Handled } from "@jetscribe/event-log/work/handled";
import type { TaskStates } from "@jetscribe/event-log/state/taskStates";
import type { Logger } from "@jetscribe/runtime";
import type { NewestRequest } from "@jetscribe/event-log/streams/groups";
import { aboutTask, type Queue, type TaskState } from "@jetscribe/schema";
import { setTimeout as sleep } from "node:timers/promises";
import type { Attempt } from "./attempt.ts";
import { decide, type Limits } from "./decide.ts";
import type { HeldTasks } from "../ownership/heldTasks.ts";
import type { TaskInHand } from "../ownership/taskInHand.ts";
import { cancelled, crashedTooOften, expired } from "./outcomes.ts";
import type { Peers } from "../ownership/peers.ts";
import type { Record } from "./record.ts";
import {
  firstClaim,
  type Claim,
  type TextLock,
} from "../ownership/textLock.ts";

/** For a cancel that was heard and that the state does not show, and for a clock that is not read yet. */
const askAgainMs = 1_000;

export interface Deps {
  attempt: Attempt;
  clock: Pick<BrokerClock, "nowS" | "isRead">;
  record: Record;
  states: Pick<TaskStates<TaskState>, "delivered" | "surely">;
  lock: TextLock;
  peers: Peers;
  held: HeldTasks;
  limits: Limits;
  /** Whether the task's cancel was heard in the last 60 s. */
  wasCancelled: (taskId: string) => boolean;
  /** Of a group, in the log. */
  newestRequest: (group: Queue) => Promise<NewestRequest>;
  log: Logger;
}

export function makeOnGenerateRequested(deps: Deps) {
  const { attempt, clock, record, states, lock, peers, held } = deps;
  const { limits, wasCancelled, newestRequest, log } = deps;

  return async function onGenerateRequested(item: WorkItem): Promise<Handled> {
    const early = tooEarlyMs(item);
    if (early > 0) return { kind: "retry", afterMs: early };
    const inHand = held.hold(item);
    try {
      if (wasCancelled(item.event.data.task_id))
        return await onceStored(inHand);
      await lookBeforeRun(inHand);
      return await handle(inHand);
    } catch (error) {
      return await brokenOff(inHand, error);
    } finally {
      inHand[Symbol.dispose]();
    }
  };

  /** How long before its `not_before` a task was delivered, in ms. The broker keeps it until then: decision 0033. */
  function tooEarlyMs({ event }: WorkItem): number {
    const { not_before } = event.data;
    if (not_before === undefined) return 0;
    // By the machine's time it could be too early.
    if (!clock.isRead()) return askAgainMs;
    return Math.ceil((not_before - clock.nowS()) * 1_000);
  }

  /** The engine is not touched before this; where the projection leaves a doubt, the log decides. */
  async function lookBeforeRun(inHand: TaskInHand): Promise<void> {
    const answer = await states.delivered(inHand.state.task, inHand.item);
    const isProven =
      answer.status === "ended" ||
      (answer.status === "open" && answer.asOf !== undefined);
    if (isProven) inHand.change({ kind: "found", answer });
    else await record.look(inHand);
  }

  /** A cancel is heard once it is stored. The state decides all the same: a broker that crashed may have lost it since. */
  async function onceStored({ state }: TaskInHand): Promise<Handled> {
    const { status } = await states.surely(state.task);
    return status === "ended"
      ? { kind: "done" }
      : { kind: "retry", afterMs: askAgainMs };
  }

  async function handle(inHand: TaskInHand): Promise<Handled> {
    const { task_id } = inHand.state.task;
    const { workerId } = limits;
    let leftOutBy: string | undefined;
    let claim: Claim | undefined;
    /** How the last attempt ended, where that was a death in this worker's hands. */
    let lastDeath: string | undefined;
    const superseded = await isSuperseded(inHand);
    for (;;) {
      const { task } = inHand.state;
      const now = clock.nowS();
      const witness = {
        ...peers.witnessOf(task_id),
        ...{ leftOutBy, superseded, now },
      };
      const decision = decide(task, witness, limits);
      switch (decision.kind) {
        case "acknowledge":
          return { kind: "done" };
        case "hand back":
          return { kind: "retry", afterMs: decision.afterMs };
        case "give up": {
          const { kept } = await claimText(inHand);
          return await record.conclude(
            inHand,
            crashedTooOften(task, workerId, now, kept, lastDeath),
          );
        }
        case "cancel": {
          const { kept } = await claimText(inHand);
          return await record.conclude(
            inHand,
            cancelled(decision.because, task, now, kept),
          );
        }
        case "expire":
          return await record.conclude(inHand, expired(task, workerId, now));
        case "take over":
          claim = await claimText(inHand);
          await record.endAttempt(inHand, decision, decision.from);
          // That was said of this attempt. Others may have ended it before, and the same worker have started the next.
          leftOutBy = undefined;
          break;
        case "await announcement":
          leftOutBy = await awaitAnnouncement(inHand, decision.workerId);
          break;
        case "start": {
          const ended = await attempt(inHand, { ...decision, claim });
          if (ended.kind !== "died") return ended;
          lastDeath = ended.because;
        }
      }
    }
  }

  /**
   * Whether a newer task of its group takes its place. The gateway cancels the older ones: this is for one that died, or
   * was too late.
   */
  async function isSuperseded({ item, state }: TaskInHand): Promise<boolean> {
    const { seq, data } = item.event;
    if (data.group_policy === undefined) return false;
    const newest = await newestRequest(item.queue);
    if (newest.seq <= seq) return false;
    const { policy } = newest;
    const neverRan = policy === "latest" && state.task.attempt === 0;
    return neverRan || policy === "cancel_in_progress";
  }

  /** The text of the attempts before, for the one that would be next; nothing of a task that was never started. */
  async function claimText(inHand: TaskInHand): Promise<Claim> {
    const { attempt } = inHand.state.task;
    return attempt === 0 ? firstClaim : await lock.claim(inHand, attempt + 1);
  }

  /**
   * Waits until the worker's last announcement is newer than the task's state. Returns the worker where the state is the
   * same even after that: if it is heard and does not name the task, it has not got the task.
   */
  async function awaitAnnouncement(
    inHand: TaskInHand,
    runner: string,
  ): Promise<string | undefined> {
    const { attempt } = inHand.state.task;
    const { signal } = inHand;
    await sleep(peers.goneAfterMs(runner), undefined, { signal });
    await record.look(inHand);
    return inHand.state.task.attempt === attempt ? runner : undefined;
  }

  async function brokenOff(
    inHand: TaskInHand,
    error: unknown,
  ): Promise<Handled> {
    const { state } = inHand;
    const about = aboutTask(state.task);
    if (state.status !== "interrupted") {
      log.error({ ...about, err: error }, "task interrupted");
      // An event that may stand in the log: the task comes again, and is looked up first.
      return error instanceof AppendError
        ? { kind: "lost" }
        : { kind: "retry", afterMs: limits.ackWaitMs };
    }
    switch (state.reason) {
      case "outcome":
        record.noteStopped(inHand);
        return await onceStored(inHand);
      case "drain":
        await record.handBack(inHand);
        return { kind: "retry", afterMs: 0 };
      case "lease":
      case "taken":
      case "superseded":
        log.warn(
          { ...about, reason: state.reason },
          "task lost to another worker",
        );
        return { kind: "lost" };
      case "vanished":
        // Its place in the log may be another task's by now, which must not be acknowledged.
        log.error(about, "the log lost the task");
        return { kind: "lost" };
    }
  }
}
