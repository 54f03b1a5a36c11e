/** The generations that run in one engine's process: each ends by a message of the process, or by its end. */
import { PassingMap } from "@jetscribe/event-log/fast/passingMap";
import {
  EngineDied,
  EngineError,
  type EngineRequest,
  type EngineResult,
  type GenerateOptions,
} from "../engine.ts";
import type { FromChild, ToChild, WireError } from "./engineMessages.ts";
import { watchSilence, type Watchdog } from "./watchSilence.ts";

export type Generations = ReturnType<typeof makeGenerations>;

type FromGeneration = Extract<FromChild, { id: number }>;

interface Running {
  text: string;
  options: GenerateOptions;
  settle: (outcome: Outcome) => void;
}
type Outcome = { result: EngineResult } | { error: Error };

/**
 * `post` sends to the process. `abortTimeoutMs`: how long an abort may go unheeded while no token of any generation comes.
 */
export function makeGenerations(
  post: (message: ToChild) => void,
  {
    abortTimeoutMs,
    onDisobeyed,
  }: { abortTimeoutMs: number; onDisobeyed: () => void },
) {
  const all = new PassingMap<number, Running>();
  /** Of those that were aborted and run on. */
  const watchdogs = new Set<Watchdog>();
  let lastId = 0;

  /** The process may live and its model stand still: a generation that can't be ended would hold its slot for ever. */
  function abort(id: number): Watchdog {
    post({ kind: "abort", id });
    const watchdog = watchSilence(abortTimeoutMs, onDisobeyed);
    watchdogs.add(watchdog);
    return watchdog;
  }

  /** As the port's; an abort rejects once the process has freed the slot, and no text comes after it. */
  async function run(
    request: EngineRequest,
    options: GenerateOptions,
  ): Promise<EngineResult> {
    const { signal } = options;
    signal.throwIfAborted();
    const id = ++lastId;
    const { promise, resolve: settle } = Promise.withResolvers<Outcome>();
    const { text = "" } = request.continueFrom ?? {};
    all.set(id, { text, options, settle });
    let watchdog: Watchdog | undefined;
    const stop = () => (watchdog = abort(id));
    signal.addEventListener("abort", stop, { once: true });
    post({ kind: "generate", id, request });
    const outcome = await promise;
    signal.removeEventListener("abort", stop);
    all.delete(id);
    watchdog?.[Symbol.dispose]();
    if (watchdog !== undefined) watchdogs.delete(watchdog);
    signal.throwIfAborted();
    if ("error" in outcome) throw outcome.error;
    return outcome.result;
  }

  /** Takes what the process says of one of them. */
  function receive(message: FromGeneration): void {
    for (const watchdog of watchdogs) watchdog.heard();
    const running = all.get(message.id);
    if (running === undefined) return;
    const { options } = running;
    switch (message.kind) {
      case "read":
        options.onRead?.();
        break;
      case "waiting":
        options.onWaiting?.(message.why);
        break;
      case "text":
        running.text += message.text;
        // Not what was on its way when the abort was sent.
        if (!options.signal.aborted)
          options.onText(message.text, message.counts);
        break;
      case "done":
        running.settle({ result: { text: running.text, ...message.result } });
        break;
      case "error":
        running.settle({ error: revive(message.error) });
        break;
    }
  }

  /** Ends all of them. */
  function fail(error: Error): void {
    for (const { settle } of all.values()) settle({ error });
  }

  return { run, receive, fail };
}

/** The error with its own type and traceback again. */
function revive({ type, message, stack, death }: WireError): Error {
  const error =
    death === undefined
      ? new EngineError(type, message)
      : new EngineDied(message, death);
  return Object.assign(error, { stack });
}
