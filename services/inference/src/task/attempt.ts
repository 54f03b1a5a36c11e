/** One attempt: its start in the log, the engine, its end. */
import type { BrokerClock } from "@jetscribe/event-log/broker/brokerClock";
import type { Broker } from "@jetscribe/event-log/broker/connection";
import type { Handled } from "@jetscribe/event-log/work/handled";
import { eventAt } from "@jetscribe/event-log/broker/streamState";
import type { Logger } from "@jetscribe/runtime";
import { aboutTask } from "@jetscribe/schema";
import {
  EngineDied,
  EngineError,
  type EngineInfo,
  type EngineResult,
  type GenerateOptions,
  type TokenCounts,
} from "../engine/engine.ts";
import type { EngineProcess } from "../engine/process/engineProcess.ts";
import type { TaskInHand } from "../ownership/taskInHand.ts";
import { makeLiveTexts, type LiveText } from "./liveText.ts";
import type { Progress } from "../ownership/keptText.ts";
import type {
  Running as Shown,
  RunningTasks,
} from "../ownership/runningTasks.ts";
import { cancelled, completed, failed, started } from "./outcomes.ts";
import type { ReadWriteLock } from "./readWriteLock.ts";
import type { Record } from "./record.ts";
import { DeadlineOver, stopInTime } from "./stopInTime.ts";
import {
  firstClaim,
  type Claim,
  type TextLock,
} from "../ownership/textLock.ts";

interface AttemptDeps {
  broker: Broker;
  clock: Pick<BrokerClock, "steadyS" | "nowS">;
  engine: Pick<EngineProcess, "state" | "whenReady" | "generate">;
  /** On the engine: a task that may harm its neighbours has it alone. */
  engineLock: ReadWriteLock;
  record: Record;
  lock: TextLock;
  running: Pick<RunningTasks, "begin" | "end">;
  limits: {
    workerId: string;
    ackWaitMs: number;
    /** How long a task waits for a new engine before it is handed back. */
    drainTimeoutMs: number;
  };
  /** Once it aborts nothing is started any more. */
  stopping: AbortSignal;
  log: Logger;
}

/** The engine died under the attempt, and the task's state says so. */
interface Died {
  kind: "died";
  because: string;
}

interface Plan {
  attempt: number;
  alone: boolean;
  /** Where the task was taken over for it. */
  claim?: Claim | undefined;
}

interface Running {
  nowS: () => number;
  generating: Promise<EngineResult>;
  live: LiveText;
  progress: Progress;
}

export type Attempt = ReturnType<typeof makeAttempt>;

export function makeAttempt(deps: AttemptDeps) {
  const { broker, clock, engine, engineLock, record, lock } = deps;
  const { stopping, log } = deps;
  const { workerId, ackWaitMs, drainTimeoutMs } = deps.limits;
  const liveTexts = makeLiveTexts(lock, workerId);

  /** Runs one attempt. */
  async function attempt(
    inHand: TaskInHand,
    { attempt, alone, claim }: Plan,
  ): Promise<Handled | Died> {
    let claimed: Claim | undefined;
    const { first_start, cancel_after_ms } = inHand.state.task;
    // The time of a task that never ran begins with its start.
    const limit =
      first_start === undefined && cancel_after_ms === undefined
        ? undefined
        : stopInTime(inHand, { startedAt: first_start, now: clock.nowS() });
    const { signal } = limit ?? inHand;
    // Not `using`, here and in `run`: that would take every task 0.3 µs more.
    try {
      const release = await engineLock.acquire(alone, signal);
      try {
        claimed = await claimOf(inHand, attempt, claim);
        // The last that is waited for before the engine gets the task.
        const info = await engineInfo(signal);
        if (info === undefined) return { kind: "retry", afterMs: 0 };
        if (stopping.aborted) inHand.interrupt("drain");
        inHand.signal.throwIfAborted();
        return await run(inHand, info, claimed);
      } finally {
        release();
      }
    } catch (error) {
      if (error instanceof EngineDied) {
        const { reason } = error.death;
        await record.endAttempt(inHand, { reason, error }, workerId);
        return { kind: "died", because: error.message };
      }
      // Its time was over before the engine had it; the text of the attempts before is kept.
      if (!isEnd(error)) throw error;
      const { kept } = claimed ?? (await claimOf(inHand, attempt, claim));
      return await recordEnd(inHand, error, kept, clock.nowS());
    } finally {
      limit?.[Symbol.dispose]();
    }
  }

  async function claimOf(
    inHand: TaskInHand,
    attempt: number,
    claim: Claim | undefined,
  ): Promise<Claim> {
    if (claim?.attempt === attempt) return claim;
    return attempt === 1 ? firstClaim : await lock.claim(inHand, attempt);
  }

  /** Of the engine that is ready; undefined: it takes too long, so others may have the task. */
  async function engineInfo(
    signal: AbortSignal,
  ): Promise<EngineInfo | undefined> {
    const state = engine.state();
    if (state.status === "ready") return state.info;
    const patience = AbortSignal.timeout(drainTimeoutMs);
    try {
      return await engine.whenReady(
        AbortSignal.any([signal, stopping, patience]),
      );
    } catch (error) {
      signal.throwIfAborted();
      if (patience.aborted || stopping.aborted) return undefined;
      throw error;
    }
  }

  /** Says that the attempt starts; false: another worker said so first. */
  async function start(
    inHand: TaskInHand,
    { attempt, kept }: Claim,
    startTime: number,
  ): Promise<boolean> {
    const { task } = inHand.state;
    const event = started(task, attempt, workerId, startTime, kept);
    return await record.record(inHand, event, ({ seq }) => isOurStart(seq));
  }

  async function isOurStart(seq: number): Promise<boolean> {
    const event = await eventAt(broker, seq);
    return (
      event?.type === "GenerateStarted" && event.data.worker_id === workerId
    );
  }

  /** The engine begins at once, but no text leaves the worker before the log has the start. */
  async function run(
    inHand: TaskInHand,
    info: EngineInfo,
    claim: Claim,
  ): Promise<Handled> {
    const progress = { ...claim.kept };
    // Or a correction of the clock would be a part of the attempt's time.
    const nowS = clock.steadyS();
    const live = liveTexts.begin(inHand, claim);
    let waiting: string | undefined;
    const onWaiting = (why: string | undefined) => void (waiting = why);
    const now = nowS();
    const { first_start: startedAt = now } = inHand.state.task;
    const stop = stopInTime(inHand, { startedAt, now }, () => waiting);
    const { signal } = stop;
    const { task } = inHand.state;
    const shown: Shown = {
      ...{ task, attempt: claim.attempt, startedAt: now, progress },
      kept: claim.kept.completionTokens,
    };
    deps.running.begin(shown);
    inHand.ranHere = claim.attempt;
    inHand.firstTokenAt = undefined;
    const onText: GenerateOptions["onText"] = (text, counts) => {
      shown.firstTokenAt ??= inHand.firstTokenAt = nowS();
      progress.firstToken ??= shown.firstTokenAt;
      progress.text += text;
      Object.assign(progress, counts);
      live.say(text, counts);
    };
    const generating = generate(inHand, claim, { signal, onText, onWaiting });
    let runs = true;
    // It is awaited below, after the start.
    const over = generating
      .catch(() => undefined)
      .then(() => void (runs = false));
    try {
      if (!(await start(inHand, claim, nowS())))
        return { kind: "retry", afterMs: ackWaitMs };
      live.open();
      const running = { nowS, generating, live, progress };
      return await conclude(inHand, info, claim, running);
    } finally {
      if (runs) stop.abort();
      // What went wrong was told above, where it counts.
      await Promise.allSettled([over, live.close()]);
      deps.running.end(task.task_id);
      stop[Symbol.dispose]();
    }
  }

  async function generate(
    { item }: TaskInHand,
    { kept }: Claim,
    { onText, ...options }: GenerateOptions,
  ): Promise<EngineResult> {
    const { prompt, messages, raw, params, owner } = item.event.data;
    const { text, completionTokens: tokens } = kept;
    if (tokens >= params.max_tokens)
      return { ...kept, cachedTokens: 0, finishReason: "length" };
    const continueFrom = text === "" ? undefined : { text, tokens };
    const served = (counts: TokenCounts) =>
      item.served(counts.promptTokens + counts.completionTokens - tokens);
    const request = { prompt, messages, raw, params, continueFrom, owner };
    const result = await engine.generate(request, {
      ...options,
      onText(piece, counts) {
        served(counts);
        onText(piece, counts);
      },
    });
    served(result);
    return result;
  }

  /** Records what the generation comes to, once it is known that no other worker has the task. */
  async function conclude(
    inHand: TaskInHand,
    info: EngineInfo,
    { kept }: Claim,
    { nowS, generating, live, progress }: Running,
  ): Promise<Handled> {
    const [result] = await Promise.allSettled([generating]);
    const runsAgain =
      result.status === "rejected" && result.reason instanceof EngineDied;
    if (!runsAgain) inHand.item.leaveSlot();
    await live.close();
    inHand.signal.throwIfAborted();
    const { task } = inHand.state;
    if (result.status === "fulfilled") {
      const { params } = inHand.item.event.data;
      const times = { params, firstToken: progress.firstToken, now: nowS() };
      return await record.conclude(
        inHand,
        completed(task, workerId, result.value, info, times, kept),
      );
    }
    const error: unknown = result.reason;
    if (!isEnd(error)) throw error;
    return await recordEnd(inHand, error, progress, nowS());
  }

  async function recordEnd(
    inHand: TaskInHand,
    error: EngineError | DeadlineOver,
    progress: Progress,
    now: number,
  ): Promise<Handled> {
    const { task } = inHand.state;
    if (error instanceof DeadlineOver)
      return await record.conclude(
        inHand,
        cancelled("deadline", task, now, progress),
      );
    const error_type = error.type;
    log.warn({ ...aboutTask(task), error_type }, "task failed");
    return await record.conclude(
      inHand,
      failed(task, workerId, error, now, progress),
    );
  }

  return attempt;
}

/** Whether an attempt that ended so ends its task. */
const isEnd = (error: unknown): error is EngineError | DeadlineOver =>
  error instanceof EngineError || error instanceof DeadlineOver;
