/**
 * The worker's side of the engine: keeps it in a child process, and brings up another one when it ends.
 *
 *   starting --ready--> ready --exit--> starting (at once)
 *   starting --error or exit--> failed --ready--> ready
 *
 * While it is failed it is tried again and again, after 1 s, 2 s, 4 s … 60 s, and from 1 s again when the model's file
 * changes; failed says why it isn't ready, not that nothing is done about it.
 */
import { unwatchFile, watchFile } from "node:fs";
import {
  EngineDied,
  EngineError,
  isRemote,
  type EngineConfig,
  type EngineInfo,
  type EngineRequest,
  type EngineResult,
  type GenerateOptions,
} from "./engine.ts";
import type { FromChild, WireError } from "./engineMessages.ts";
import { forkEngine, type EngineEnd, type EngineFork } from "./forkEngine.ts";

/** The part of pino that is used here. */
export interface Log {
  debug(fields: object, message: string): void;
  info(fields: object, message: string): void;
  warn(fields: object, message: string): void;
  error(fields: object, message: string): void;
}

export type EngineState =
  | { status: "starting" }
  | { status: "ready"; info: EngineInfo }
  | { status: "failed"; error: { type: string; message: string } };

export interface EngineProcess {
  state: () => EngineState;
  /** Calls back whenever the state has changed; one listener. */
  onChange: (listener: () => void) => void;
  /** When the child last said something, by `performance.now()`; it does so at least every second. */
  lastHeard(): number;
  /** Resolves once it is ready, at once if it is; rejects with the signal's reason, or with EngineDied once closed. */
  whenReady(signal?: AbortSignal): Promise<EngineInfo>;
  /**
   * As the port's. Rejects with EngineDied when the child ends first, or where there is none that is ready. An
   * abort rejects once the child has freed the slot; no text comes after it.
   */
  generate(
    request: EngineRequest,
    options: GenerateOptions,
  ): Promise<EngineResult>;
  /** The child's id while there is one. */
  pid(): number | undefined;
  /** Ends the child by a signal; another one comes up. For a child that hangs, and for tests. */
  kill(signal?: NodeJS.Signals): void;
  /** Ends the child for good. */
  close(): Promise<void>;
}

export interface EngineProcessOptions {
  config: EngineConfig;
  log: Log;
  /** The environment that the child gets. */
  env: NodeJS.ProcessEnv;
  /** How long to wait after a failed start, in ms: doubled from the first to the most. */
  backoff?: { firstMs: number; mostMs: number };
}

interface Task {
  text: string;
  onText: (piece: string) => void;
  settle: (outcome: Outcome) => void;
}
type Outcome = { result: EngineResult } | { error: Error };

/** Starts the child; it is ready when `state()` says so. */
export function makeEngineProcess({
  config,
  log,
  env,
  backoff = { firstMs: 1_000, mostMs: 60_000 },
}: EngineProcessOptions): EngineProcess {
  const { engine, model } = config;
  const watched = engine === "llama" && !isRemote(model) ? model : undefined;
  let state: EngineState = { status: "starting" };
  let becomesReady = Promise.withResolvers<EngineInfo>();
  let child: EngineFork | undefined;
  let heard = performance.now();
  /** Why the present child could not load the model, by its own words. */
  let refusal: WireError | undefined;
  /** Failed starts in a row. */
  let failures = 0;
  let retry: NodeJS.Timeout | undefined;
  let changed = () => {};
  let closed = false;
  const tasks = new Map<number, Task>();
  let lastId = 0;

  function start(): void {
    retry = undefined;
    refusal = undefined;
    heard = performance.now();
    child = forkEngine(env, {
      onMessages(messages) {
        heard = performance.now();
        for (const message of messages) receive(message);
      },
      onStderr: (line) => log.debug({ line }, "the engine wrote to stderr"),
    });
    void child.ended.then(ended);
    child.post({ kind: "start", config });
  }

  function receive(message: FromChild): void {
    switch (message.kind) {
      case "alive":
        break;
      case "progress":
        log.info(message.progress, "the engine is starting");
        break;
      case "warning":
        log.warn({ warning: message.message }, "the engine warns");
        break;
      case "ready":
        ready(message.info);
        break;
      case "failed":
        refusal = message.error;
        child?.kill("SIGKILL");
        break;
      case "text":
        tasks.get(message.id)?.onText(message.text);
        break;
      case "done": {
        const task = tasks.get(message.id);
        task?.settle({ result: { text: task.text, ...message.result } });
        break;
      }
      case "error":
        tasks.get(message.id)?.settle({ error: revive(message.error) });
        break;
    }
  }

  function ready(info: EngineInfo): void {
    failures = 0;
    if (watched !== undefined) unwatchFile(watched, onFileChange);
    state = { status: "ready", info };
    log.info({ pid: child?.pid, ...info }, "the engine is ready");
    becomesReady.resolve(info);
    changed();
  }

  function ended({ how, signal, stderrTail }: EngineEnd): void {
    child = undefined;
    const message = `the engine's process ended: ${how}`;
    const error = new EngineDied(message, signal, stderrTail);
    for (const task of tasks.values()) task.settle({ error });
    const wasReady = state.status === "ready";
    if (wasReady) {
      state = { status: "starting" };
      becomesReady = Promise.withResolvers();
      changed();
    }
    if (closed) return;
    if (!wasReady) {
      failed(refusal ?? { type: "ModelLoadError", message }, stderrTail);
      return;
    }
    log.error({ how, stderrTail }, "the engine's process ended");
    start();
  }

  function failed(
    { type, message }: Pick<WireError, "type" | "message">,
    stderrTail: string,
  ): void {
    // By polling, which sees a file appear, and works on every kind of mount.
    if (state.status !== "failed" && watched !== undefined)
      watchFile(watched, { interval: backoff.firstMs / 2 }, onFileChange);
    const error = { type, message };
    state = { status: "failed", error };
    changed();
    const retryInMs = Math.min(backoff.firstMs * 2 ** failures, backoff.mostMs);
    failures += 1;
    log.error({ error, stderrTail, retryInMs }, "the engine could not start");
    retry = setTimeout(start, retryInMs);
  }

  /** Waits anew at each change, so that a file that is being copied is read when it is whole. */
  function onFileChange(): void {
    failures = 0;
    if (retry === undefined) return;
    clearTimeout(retry);
    retry = setTimeout(start, backoff.firstMs);
  }

  async function generate(
    request: EngineRequest,
    { signal, onText }: GenerateOptions,
  ): Promise<EngineResult> {
    signal.throwIfAborted();
    if (state.status !== "ready" || child === undefined)
      throw new EngineDied("the engine is not ready", undefined, "");
    const { post } = child;
    const id = ++lastId;
    const { promise, resolve } = Promise.withResolvers<Outcome>();
    const task: Task = {
      text: "",
      onText(piece) {
        if (signal.aborted) return;
        task.text += piece;
        onText(piece);
      },
      settle: resolve,
    };
    tasks.set(id, task);
    const abort = () => post({ kind: "abort", id });
    signal.addEventListener("abort", abort, { once: true });
    post({ kind: "generate", id, request });
    const outcome = await promise;
    signal.removeEventListener("abort", abort);
    tasks.delete(id);
    signal.throwIfAborted();
    if ("error" in outcome) throw outcome.error;
    return outcome.result;
  }

  start();
  return {
    state: () => state,
    onChange: (listener) => void (changed = listener),
    lastHeard: () => heard,
    whenReady: (signal) => orAborted(becomesReady.promise, signal),
    generate,
    pid: () => child?.pid,
    kill: (signal = "SIGKILL") => child?.kill(signal),
    async close() {
      closed = true;
      clearTimeout(retry);
      if (watched !== undefined) unwatchFile(watched, onFileChange);
      const last = child;
      last?.kill("SIGKILL");
      await last?.ended;
      const message = "the engine was closed";
      state = { status: "failed", error: { type: "EngineDied", message } };
      // Nobody need be waiting.
      becomesReady.promise.catch(() => undefined);
      becomesReady.reject(new EngineDied(message, undefined, ""));
    },
  };
}

/** The error with its own type and traceback again. */
function revive({ type, message, stack }: WireError): EngineError {
  return Object.assign(new EngineError(type, message), { stack });
}

async function orAborted<T>(
  promise: Promise<T>,
  signal: AbortSignal | undefined,
): Promise<T> {
  signal?.throwIfAborted();
  const { promise: aborted, reject } = Promise.withResolvers<never>();
  const abort = () => reject(signal?.reason as Error);
  signal?.addEventListener("abort", abort);
  try {
    return await Promise.race([promise, aborted]);
  } finally {
    signal?.removeEventListener("abort", abort);
  }
}
