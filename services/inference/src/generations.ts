/** The generations that run in one engine's process: each ends by a message of the process, or by its end. */
import {
  EngineError,
  type EngineRequest,
  type EngineResult,
  type GenerateOptions,
} from "./engine.ts";
import type { FromChild, ToChild, WireError } from "./engineMessages.ts";

export interface Generations {
  /** As the port's; an abort rejects once the process has freed the slot, and no text comes after it. */
  run: (
    request: EngineRequest,
    options: GenerateOptions,
  ) => Promise<EngineResult>;
  /** Takes what the process says of one of them. */
  receive: (message: FromGeneration) => void;
  /** Ends all of them. */
  fail: (error: Error) => void;
}

type FromGeneration = Extract<FromChild, { id: number }>;

interface Running {
  text: string;
  onText: (piece: string) => void;
  settle: (outcome: Outcome) => void;
}
type Outcome = { result: EngineResult } | { error: Error };

/** `post` sends to the process. */
export function makeGenerations(post: (message: ToChild) => void): Generations {
  const all = new Map<number, Running>();
  let lastId = 0;

  async function run(
    request: EngineRequest,
    { signal, onText }: GenerateOptions,
  ): Promise<EngineResult> {
    signal.throwIfAborted();
    const id = ++lastId;
    const { promise, resolve: settle } = Promise.withResolvers<Outcome>();
    const say = (piece: string) => {
      // What was on its way when the abort was sent.
      if (!signal.aborted) onText(piece);
    };
    all.set(id, { text: "", onText: say, settle });
    const abort = () => post({ kind: "abort", id });
    signal.addEventListener("abort", abort, { once: true });
    post({ kind: "generate", id, request });
    const outcome = await promise;
    signal.removeEventListener("abort", abort);
    all.delete(id);
    signal.throwIfAborted();
    if ("error" in outcome) throw outcome.error;
    return outcome.result;
  }

  function receive(message: FromGeneration): void {
    const running = all.get(message.id);
    if (running === undefined) return;
    switch (message.kind) {
      case "text":
        running.text += message.text;
        running.onText(message.text);
        break;
      case "done":
        running.settle({ result: { text: running.text, ...message.result } });
        break;
      case "error":
        running.settle({ error: revive(message.error) });
        break;
    }
  }

  return {
    run,
    receive,
    fail(error) {
      for (const { settle } of all.values()) settle({ error });
    },
  };
}

/** The error with its own type and traceback again. */
function revive({ type, message, stack }: WireError): EngineError {
  return Object.assign(new EngineError(type, message), { stack });
}
