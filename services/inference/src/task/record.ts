/** What a worker writes into the log about a task in hand, and what it reads back. Rules 4 and 5 of the design. */
import {
  AppendError,
  appendUntilStored,
  type Appended,
  type Appender,
} from "@jetscribe/event-log/append/append";
import type { BrokerClock } from "@jetscribe/event-log/broker/brokerClock";
import type { Broker } from "@jetscribe/event-log/broker/connection";
import type { Handled } from "@jetscribe/event-log/work/handled";
import { elapsedMs } from "@jetscribe/event-log/broker/elapsed";
import { hasLost } from "@jetscribe/event-log/state/searchLog";
import type { TaskStates } from "@jetscribe/event-log/state/taskStates";
import type { Logger } from "@jetscribe/runtime";
import {
  aboutTask,
  openForMs,
  type OutcomeEvent,
  type TaskEvent,
  type TaskState,
} from "@jetscribe/schema";
import { setTimeout as sleep } from "node:timers/promises";
import type { TaskInHand } from "../ownership/taskInHand.ts";
import { failed, retried, type RetriedBecause } from "./outcomes.ts";
import type { TraceAttempts } from "./traceAttempts.ts";

export type Record = ReturnType<typeof makeRecord>;

const handBackMs = 2_000;
const lookAgainMs = 250;

export function makeRecord(deps: {
  broker: Broker;
  clock: Pick<BrokerClock, "nowS">;
  appender: Appender;
  states: Pick<TaskStates<TaskState>, "surely">;
  workerId: string;
  /** Absent: no traces are asked for. */
  traces?: TraceAttempts | undefined;
  log: Logger;
}) {
  const { broker, clock, appender, states, workerId, traces, log } = deps;

  /** Brings the task in hand to the state that the log says it has. */
  async function look(inHand: TaskInHand): Promise<void> {
    const answer = await states.surely(inHand.state.task);
    if (answer.status === "unknown") throw answer.because;
    inHand.change({ kind: "found", answer });
    inHand.signal.throwIfAborted();
  }

  /** As `look`, however often the broker doesn't answer: what was generated is not thrown away for that. */
  async function lookUntilKnown(inHand: TaskInHand): Promise<void> {
    const { signal } = inHand;
    for (;;) {
      try {
        return await look(inHand);
      } catch {
        signal.throwIfAborted();
        await sleep(lookAgainMs, undefined, { signal });
        await broker.whenConnected(signal);
      }
    }
  }

  const append = (
    inHand: TaskInHand,
    event: TaskEvent,
    beforeRepeat = () => leaveIfLost(inHand),
  ) =>
    appendUntilStored(broker, appender, event, inHand.item.queue, {
      signal: inHand.signal,
      ...traceOf(inHand, event),
      beforeRepeat,
    });

  function traceOf(inHand: TaskInHand, event: TaskEvent) {
    const { item, state } = inHand;
    const { attempt } = "attempt" in event.data ? event.data : state.task;
    return {
      traceparent: traces?.traceparent(inHand, attempt) ?? item.traceparent,
      task: state.task,
    };
  }

  async function leaveIfLost(inHand: TaskInHand): Promise<void> {
    // Where it can't be said, the broker is away again.
    const isLost = await hasLost(broker, inHand.state.task).catch(() => false);
    if (isLost) inHand.interrupt("vanished");
  }

  /** Appends an event of the task in hand and takes it into its state, unless `isTaken` says that it isn't ours. */
  async function record(
    inHand: TaskInHand,
    event: TaskEvent,
    isTaken: (appended: Appended) => Promise<boolean> | boolean,
  ): Promise<boolean> {
    const before = inHand.state.task;
    const appended = await append(inHand, event);
    if (appended.duplicate && !(await isTaken(appended))) return false;
    if (event.type === "GenerateStarted")
      traces?.waited(inHand, before, event.data);
    if (event.type === "GenerateRetried")
      traces?.ended(inHand, before, { endS: event.data.retry_at, how: event });
    const recorded = { ...event, seq: appended.seq, time: clock.nowS() };
    inHand.change({ kind: "recorded", event: recorded });
    return true;
  }

  /** Records that an attempt ended without an outcome. */
  async function endAttempt(
    inHand: TaskInHand,
    because: RetriedBecause,
    from: string,
  ): Promise<void> {
    const { task } = inHand.state;
    const { attempt } = task;
    const { reason } = because;
    const how = { attempt, reason, runner: from };
    log.warn({ ...aboutTask(task), ...how }, "attempt ended");
    const event = retried(task, because, from, clock.nowS());
    // Another one said so before, and perhaps for another reason.
    if (!(await record(inHand, event, () => false))) await look(inHand);
  }

  /**
   * Whether it is too long ago that the task was surely open. A task that the projection showed as never started may have
   * been started since, unless its delivery proves that it is the first.
   */
  const isInDoubt = ({ item, state }: TaskInHand) =>
    state.status !== "open" ||
    elapsedMs() - state.asOf > openForMs ||
    (state.task.attempt === 0 && item.freshAsOf === undefined);

  /** Breaks the work off where the task is in doubt, and the log has it no more in this attempt. */
  async function leaveUnlessOpen(
    inHand: TaskInHand,
    attempt: number,
  ): Promise<void> {
    if (!isInDoubt(inHand)) return;
    await lookUntilKnown(inHand);
    if (inHand.state.status === "ended") inHand.interrupt("outcome");
    else if (inHand.state.task.attempt !== attempt)
      inHand.interrupt("superseded");
    inHand.signal.throwIfAborted();
  }

  /** Records the one outcome, if the task is surely without one. */
  async function conclude(
    inHand: TaskInHand,
    event: OutcomeEvent,
  ): Promise<Handled> {
    const { attempt } = inHand.state.task;
    await leaveUnlessOpen(inHand, attempt);
    inHand.checkLease();
    // While the log is full it waits, with its lease, and so longer than the task is known to be open.
    const beforeRepeat = async () => {
      await leaveIfLost(inHand);
      await leaveUnlessOpen(inHand, attempt);
    };
    const stored = await append(inHand, event, beforeRepeat)
      .then(() => event)
      .catch((error: unknown) => storeRefusal(inHand, error));
    const endS = endOf(inHand, stored);
    traces?.ended(inHand, inHand.state.task, { endS, how: stored });
    return { kind: "done" };
  }

  /** In place of an outcome that the broker does not take. */
  async function storeRefusal(
    inHand: TaskInHand,
    error: unknown,
  ): Promise<OutcomeEvent> {
    const tooLarge = error instanceof AppendError && error.code === "too_large";
    if (!tooLarge) throw error;
    const { message } = error;
    const refusal = { type: "RuntimeError" as const, message };
    const event = failed(inHand.state.task, workerId, refusal, clock.nowS());
    await append(inHand, event);
    return event;
  }

  /** Its request may have a later time than its start, by the clock of another machine. */
  const endOf = ({ state }: TaskInHand, { data }: OutcomeEvent): number =>
    (state.task.first_start ?? clock.nowS()) + data.metrics.processing_time;

  /** The attempt runs no more, since somebody else has ended the task. */
  function noteStopped(inHand: TaskInHand): void {
    traces?.ended(inHand, inHand.state.task, { endS: clock.nowS() });
  }

  /** Records that this worker stops, for whoever takes the task next. */
  async function handBack(inHand: TaskInHand): Promise<void> {
    const { item } = inHand;
    const { task } = inHand.state;
    if (task.status !== "processing") return;
    const event = retried(task, { reason: "drain" }, workerId, clock.nowS());
    try {
      await appender.append(event, item.queue, {
        ...traceOf(inHand, event),
        timeoutMs: handBackMs,
      });
      const endS = event.data.retry_at;
      traces?.ended(inHand, task, { endS, how: event });
    } catch (error) {
      // The next worker will find that this one is gone.
      log.warn(
        { ...aboutTask(task), err: error },
        "the end of an attempt is not recorded",
      );
    }
  }

  return { look, record, endAttempt, conclude, noteStopped, handBack };
}
