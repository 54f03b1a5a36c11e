/**
 * The process that holds the engine: a native crash or an out-of-memory kill ends it and nothing else. It is told
 * everything by IPC, and ends when its parent does.
 */
import {
  EngineDied,
  EngineError,
  type Engine,
  type EngineConfig,
  type EngineProgress,
} from "../engine.ts";
import { makeOutbox, type FromChild, type ToChild } from "./engineMessages.ts";
import { makeFakeEngine } from "../fake/fakeEngine.ts";
import { gatherPieces } from "./gatherPieces.ts";

const aliveEveryMs = 1_000;

// Ctrl-C and a group's SIGTERM reach this process too, but running tasks end when the worker says so.
process.on("SIGINT", () => undefined);
process.on("SIGTERM", () => undefined);
// Not process.exit(): that runs the native library's destructors under a living model, which crashes on some
// platforms. The system frees all memory either way.
process.on("disconnect", () => process.kill(process.pid, "SIGKILL"));

const post = makeOutbox<FromChild>((messages) => {
  // A parent that is gone is told apart by `disconnect`.
  process.send?.(messages, undefined, {}, () => undefined);
});
setInterval(() => post({ kind: "alive" }), aliveEveryMs).unref();
const pieces = gatherPieces((id, text, counts) =>
  post({ kind: "text", id, text, counts }),
);

let engine: Engine | undefined;
const aborts = new Map<number, AbortController>();

process.on("message", (messages: ToChild[]) => {
  for (const message of messages) {
    if (message.kind === "start") void start(message.config);
    else if (message.kind === "abort") aborts.get(message.id)?.abort();
    else void serve(message);
  }
});

async function start(config: EngineConfig): Promise<void> {
  try {
    const warnings: string[] = [];
    engine = await makeEngine(config, (message) => {
      warnings.push(message);
      post({ kind: "warning", message });
    });
    const { info } = engine;
    const told = warnings.length > 0 ? { ...info, warnings } : info;
    post({ kind: "ready", info: told });
  } catch (error) {
    post({ kind: "failed", error: wireError(error, "ModelLoadError") });
  }
}

async function makeEngine(
  config: EngineConfig,
  onWarning: (message: string) => void,
): Promise<Engine> {
  switch (config.engine) {
    case "fake":
      return makeFakeEngine(config);
    // The others are imported only where they are needed: the import alone takes a third of a second.
    case "openai": {
      const { makeOpenaiEngine } = await import("../openai/openaiEngine.ts");
      return await makeOpenaiEngine(config, { onLost: end, onWarning });
    }
    case "llama": {
      const { makeLlamaEngine } = await import("../llama/llamaEngine.ts");
      return await makeLlamaEngine(config, {
        onProgress: tellProgress(),
        onWarning,
        onThreads: (threads) => post({ kind: "threads", threads }),
      });
    }
  }
}

function end(why: string): void {
  process.stderr.write(`${why}\n`);
  process.exit(1);
}

/** A start that takes less tells no progress. */
const tellAfterMs = 1_000;
/** A tenth of a large download takes its time, and whoever makes no progress is taken for dead. */
const tellEveryMs = 30_000;

/** Tells each tenth once, and some in between: a download alone reports thousands of times. */
function tellProgress() {
  let told = { tenth: -1, at: performance.now(), done: 0 };
  return (progress: EngineProgress): void => {
    const { done } = progress;
    const [tenth, at] = [Math.floor(done * 10), performance.now()];
    const isNews = tenth !== told.tenth || done > told.done;
    const waitMs = tenth === told.tenth ? tellEveryMs : tellAfterMs;
    if (!isNews || at - told.at < waitMs) return;
    told = { tenth, at, done };
    post({ kind: "progress", progress });
  };
}

async function serve({
  id,
  request,
}: Extract<ToChild, { kind: "generate" }>): Promise<void> {
  const abort = new AbortController();
  aborts.set(id, abort);
  const say = pieces.of(id);
  try {
    if (engine === undefined) throw new Error("the engine is not ready");
    const { text: _, ...result } = await engine.generate(request, {
      signal: abort.signal,
      onText: say,
      onRead: () => post({ kind: "read", id }),
      onWaiting: (why) => post({ kind: "waiting", id, why }),
    });
    pieces.flush();
    post({ kind: "done", id, result });
  } catch (error) {
    pieces.flush();
    post({ kind: "error", id, error: wireError(error, "RuntimeError") });
  } finally {
    aborts.delete(id);
  }
}

function wireError(
  error: unknown,
  otherwise: "ModelLoadError" | "RuntimeError",
) {
  const { message, stack } =
    error instanceof Error ? error : new Error(String(error));
  return {
    type: error instanceof EngineError ? error.type : otherwise,
    message,
    stack: stack ?? message,
    ...(error instanceof EngineError && { setting: error.setting }),
    ...(error instanceof EngineDied && { death: error.death }),
  };
}
