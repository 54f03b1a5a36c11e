/**
 * The worker's side of the engine: keeps it in a child process, and brings up another one when it ends.
 *
 *   starting --ready--> ready --exit--> starting (at once)
 *   starting --error or exit--> failed --ready--> ready
 *
 * A child that does nothing any more is ended, which is an exit: one that is ready when it is silent, or when an abort
 * is not obeyed while no token comes either; one that starts when it makes no progress.
 * While it is failed it is tried again and again, after 1 s, 2 s, 4 s … 60 s, and from 1 s again when the model's file
 * changes; failed says why it isn't ready, not that nothing is done about it.
 */
import { orAborted } from "@jetscribe/event-log/broker/orAborted";
import { unwatchFile, watchFile, type Stats } from "node:fs";
import {
  EngineDied,
  isRemote,
  type EngineConfig,
  type EngineInfo,
  type EngineRequest,
  type EngineResult,
  type GenerateOptions,
} from "../engine.ts";
import type { Logger } from "@jetscribe/runtime";
import { exceptLoopback } from "@jetscribe/runtime/exceptLoopback";
import { whyNotOn } from "./engineCpus.ts";
import { engineEnv } from "./engineEnv.ts";
import type { FromChild, WireError } from "./engineMessages.ts";
import { forkEngine, type EngineEnd, type EngineFork } from "./forkEngine.ts";
import { makeGenerations, type Generations } from "./generations.ts";
import { watchSilence, type Watchdog } from "./watchSilence.ts";

export type EngineState =
  | { status: "starting" }
  | { status: "ready"; info: EngineInfo }
  | { status: "failed"; error: { type: string; message: string } };

export type EngineProcess = ReturnType<typeof makeEngineProcess>;

export interface EngineProcessOptions {
  config: EngineConfig;
  log: Pick<Logger, "debug" | "info" | "warn" | "error">;
  /** The worker's environment, of which the child gets what `engineEnv` leaves. */
  env: NodeJS.ProcessEnv;
  /** How long to wait after a failed start, in ms: doubled from the first to the most. */
  backoff?: { firstMs: number; maxMs: number };
  /** A child that is ready and silent for so long hangs. */
  hangTimeoutMs?: number;
  /** A child that makes no progress for so long will never be ready. */
  startTimeoutMs?: number;
  /** The engine can't start by the fault of this setting. */
  onWrongSetting?: (name: string, message: string) => void;
}

/** Loading may take minutes, and the parts of it that tell no progress too. */
const defaultStartTimeoutMs = 600_000;

/** Starts the child; it is ready when `state()` says so. */
export function makeEngineProcess({
  config,
  log,
  env,
  backoff = { firstMs: 1_000, maxMs: 60_000 },
  hangTimeoutMs = 30_000,
  startTimeoutMs = defaultStartTimeoutMs,
  onWrongSetting,
}: EngineProcessOptions) {
  const { engine, model } = config;
  const watched = engine === "llama" && !isRemote(model) ? model : undefined;
  let state: EngineState = { status: "starting" };
  let becomesReady = Promise.withResolvers<EngineInfo>();
  let child: EngineFork | undefined;
  let generations: Generations | undefined;
  let watchdog: Watchdog | undefined;
  /** Why the present child could not load the model, by its own words. */
  let refusal: Refusal | undefined;
  /** Why the present child was ended. */
  let hang: string | undefined;
  /** Failed starts in a row. */
  let failures = 0;
  let starts = 0;
  let retry: NodeJS.Timeout | undefined;
  let changed = () => {};
  let closed = false;

  function start(): void {
    starts += 1;
    retry = undefined;
    refusal = undefined;
    hang = undefined;
    watch(startTimeoutMs, "it makes no progress");
    const handlers = {
      onMessages(messages: FromChild[]) {
        if (state.status === "ready") watchdog?.heard();
        for (const message of messages) receive(message);
      },
      onStderr: (line: string) =>
        log.debug({ line }, "the engine wrote to stderr"),
    };
    const childEnv = exceptLoopback(engineEnv(env), config.upstream?.url);
    child = forkEngine(childEnv, handlers, config.cpus);
    generations = makeGenerations(child.post, {
      abortTimeoutMs: hangTimeoutMs,
      onDisobeyed: () => endHung("it does not stop what was aborted"),
    });
    void child.ended.then(ended);
    child.post({ kind: "start", config });
  }

  /** Ends the child if it is silent for so long. */
  function watch(limitMs: number, otherwise: string): void {
    watchdog?.[Symbol.dispose]();
    watchdog = watchSilence(limitMs, () =>
      endHung(`${otherwise} for ${limitMs / 1_000} s`),
    );
  }

  function endHung(why: string): void {
    hang = why;
    child?.kill("SIGKILL");
  }

  function receive(message: FromChild): void {
    if ("id" in message) return generations?.receive(message);
    switch (message.kind) {
      case "alive":
        break;
      case "progress":
        watchdog?.heard();
        log.info(message.progress, "the engine is starting");
        break;
      case "warning":
        log.warn({ warning: message.message }, "the engine warns");
        break;
      case "threads":
        log.info({ threads: message.threads }, "the engine's threads changed");
        if (state.status === "ready")
          state.info = { ...state.info, threads: message.threads };
        break;
      case "ready":
        ready(message.info);
        break;
      case "failed":
        refusal = message.error;
        child?.kill("SIGKILL");
        if (refusal.setting !== undefined)
          onWrongSetting?.(refusal.setting, refusal.message);
        break;
    }
  }

  function ready(info: EngineInfo): void {
    failures = 0;
    if (watched !== undefined) unwatchFile(watched, onFileChange);
    watch(hangTimeoutMs, "it was silent");
    state = { status: "ready", info };
    log.info({ pid: child?.pid, ...info }, "the engine is ready");
    becomesReady.resolve(info);
    changed();
  }

  function ended({ how, signal, stderrTail }: EngineEnd): void {
    watchdog?.[Symbol.dispose]();
    const message =
      hang === undefined
        ? `the engine's process ended: ${how}`
        : `the engine's process was ended: ${hang}`;
    const reason = hang === undefined ? "crash" : "hang";
    generations?.fail(new EngineDied(message, { reason, signal, stderrTail }));
    child = undefined;
    if (closed) return;
    if (state.status !== "ready") {
      failed(refusal ?? { type: "ModelLoadError", message }, stderrTail);
      return;
    }
    log.error({ how, hang, stderrTail }, "the engine's process ended");
    state = { status: "starting" };
    becomesReady = Promise.withResolvers();
    changed();
    start();
  }

  function failed({ type, message }: Refusal, stderrTail: string): void {
    // By polling, which sees a file appear, and works on every kind of mount.
    if (state.status !== "failed" && watched !== undefined)
      watchFile(watched, { interval: backoff.firstMs / 2 }, onFileChange);
    const error = { type, message };
    state = { status: "failed", error };
    changed();
    const retryInMs = Math.min(backoff.firstMs * 2 ** failures, backoff.maxMs);
    failures += 1;
    log.error({ error, stderrTail, retryInMs }, "the engine could not start");
    retry = setTimeout(start, retryInMs);
  }

  /** Waits anew at each change, so that a file that is being copied is read when it is whole. */
  function onFileChange(now: Stats, before: Stats): void {
    // A file that is missing is told of once, as it is.
    if (now.ctimeMs === before.ctimeMs) return;
    failures = 0;
    if (retry === undefined) return;
    clearTimeout(retry);
    retry = setTimeout(start, backoff.firstMs);
  }

  /**
   * As the port's. Rejects with EngineDied when the child ends first, or where there is none that is ready. An
   * abort rejects once the child has freed the slot; no text comes after it.
   */
  async function generate(
    request: EngineRequest,
    options: GenerateOptions,
  ): Promise<EngineResult> {
    if (state.status !== "ready" || generations === undefined) {
      options.signal.throwIfAborted();
      throw new EngineDied("the engine is not ready");
    }
    const { speculation } = state.info;
    const result = await generations.run(request, options);
    if (speculation !== undefined) {
      speculation.drafted_tokens += result.draftedTokens ?? 0;
      speculation.accepted_tokens += result.acceptedTokens ?? 0;
    }
    return result;
  }

  /** Ends the child for good. */
  async function close(): Promise<void> {
    closed = true;
    clearTimeout(retry);
    if (watched !== undefined) unwatchFile(watched, onFileChange);
    const last = child;
    last?.kill("SIGKILL");
    await last?.ended;
    const message = "the engine was closed";
    if (state.status === "ready") becomesReady = Promise.withResolvers();
    state = { status: "failed", error: { type: "EngineDied", message } };
    // Nobody need be waiting.
    becomesReady.promise.catch(() => undefined);
    becomesReady.reject(new EngineDied(message));
  }

  const whyNot = config.cpus && whyNotOn(config.cpus);
  if (whyNot) onWrongSetting?.("ENGINE_CPUS", whyNot);
  start();
  return {
    state: () => state,
    /** How often another child was started since the first one. */
    restarts: () => starts - 1,
    /** Calls back whenever the state has changed; one listener. */
    onChange: (listener: () => void) => void (changed = listener),
    /** Resolves once it is ready, at once if it is; rejects with the signal's reason, or with EngineDied once closed. */
    whenReady: (signal?: AbortSignal) =>
      orAborted(becomesReady.promise, signal),
    generate,
    /** The child's id while there is one. */
    pid: () => child?.pid,
    /** Ends the child by a signal; another one comes up. For tests. */
    kill: (signal: NodeJS.Signals = "SIGKILL") => child?.kill(signal),
    close,
  };
}

type Refusal = Pick<WireError, "type" | "message" | "setting">;
