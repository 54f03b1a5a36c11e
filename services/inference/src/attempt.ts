/** One attempt: its start in the log, the engine, its end. */
import { decodeEvent } from "@jetscribe/event-log/codec";
import type { Broker } from "@jetscribe/event-log/connection";
import type { Handled } from "@jetscribe/event-log/consume";
import { messageAt } from "@jetscribe/event-log/streamState";
import type { Logger } from "@jetscribe/runtime";
import { streams } from "@jetscribe/schema";
import { EngineDied, EngineError, type EngineInfo } from "./engine.ts";
import type { EngineProcess } from "./engineProcess.ts";
import type { makeGate } from "./gate.ts";
import { comeBack, nowS } from "./handled.ts";
import type { TaskInHand } from "./inHand.ts";
import { completed, failed, started, type Progress } from "./outcomes.ts";
import type { Record } from "./record.ts";

export interface AttemptDeps {
  broker: Broker;
  engine: EngineProcess;
  gate: ReturnType<typeof makeGate>;
  record: Record;
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

/** Runs one attempt; undefined: its engine died, and the task's state says so. */
export type Attempt = (
  inHand: TaskInHand,
  plan: { attempt: number; alone: boolean },
) => Promise<Handled | undefined>;

export function makeAttempt(deps: AttemptDeps): Attempt {
  const { broker, engine, gate, record, limits, stopping, log } = deps;
  const { workerId, ackWaitMs, drainTimeoutMs } = limits;

  const attempt: Attempt = async (inHand, { attempt, alone }) => {
    const leave = await gate.enter(alone, inHand.signal);
    try {
      const info = await engineInfo(inHand);
      if (info === undefined) return comeBack(0);
      if (stopping.aborted) inHand.interrupt("drain");
      inHand.signal.throwIfAborted();
      if (!(await start(inHand, attempt))) return comeBack(ackWaitMs);
      return await generate(inHand, info);
    } catch (error) {
      if (!(error instanceof EngineDied)) throw error;
      await record.endAttempt(inHand, { reason: "crash", error }, workerId);
      return undefined;
    } finally {
      leave();
    }
  };

  /** Of the engine that is ready; undefined: it takes too long, so others may have the task. */
  async function engineInfo({
    signal,
  }: TaskInHand): Promise<EngineInfo | undefined> {
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
  async function start(inHand: TaskInHand, attempt: number): Promise<boolean> {
    const event = started(inHand.task, attempt, workerId, nowS());
    return await record.record(inHand, event, ({ seq }) => isOurStart(seq));
  }

  async function isOurStart(seq: number): Promise<boolean> {
    const message = await messageAt(broker, streams.events, seq);
    const decoded = message && decodeEvent(message);
    return (
      decoded !== undefined &&
      "event" in decoded &&
      decoded.event.type === "GenerateStarted" &&
      decoded.event.data.worker_id === workerId
    );
  }

  async function generate(
    inHand: TaskInHand,
    info: EngineInfo,
  ): Promise<Handled> {
    const { task } = inHand;
    const { prompt, messages, raw, params } = inHand.item.event.data;
    const progress: Progress = {
      text: "",
      promptTokens: 0,
      completionTokens: 0,
    };
    const onText = (text: string) => {
      progress.firstToken ??= nowS();
      progress.completionTokens++;
      progress.text += text;
    };
    using stop = stopOnTimeout(inHand);
    try {
      const result = await engine.generate(
        { prompt, messages, raw, params },
        { signal: stop.signal, onText },
      );
      const times = { firstToken: progress.firstToken, now: nowS() };
      const outcome = completed(task, workerId, result, info, times);
      return await record.conclude(inHand, outcome);
    } catch (error) {
      if (!(error instanceof EngineError)) throw error;
      log.warn(
        { task_id: task.task_id, error_type: error.type },
        "task failed",
      );
      const outcome = failed(task, workerId, error, nowS(), progress);
      return await record.conclude(inHand, outcome);
    }
  }

  return attempt;
}

const longestTimerMs = 2 ** 31 - 1;

/** Aborts as the task's own signal does, and with a TimeoutError when the task's time is over. */
function stopOnTimeout({ task, signal }: TaskInHand) {
  const stop = new AbortController();
  const { first_start = nowS(), timeout_ms } = task;
  const interrupt = () => stop.abort(signal.reason);
  signal.addEventListener("abort", interrupt, { once: true });
  const message = `it ran for more than ${timeout_ms / 1000} s`;
  const timer = setTimeout(
    () => stop.abort(new EngineError("TimeoutError", message)),
    Math.min(first_start * 1000 + timeout_ms - Date.now(), longestTimerMs),
  );
  return {
    signal: stop.signal,
    [Symbol.dispose]() {
      clearTimeout(timer);
      signal.removeEventListener("abort", interrupt);
    },
  };
}
