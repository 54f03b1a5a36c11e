/**
 * Whether the engine lives, proved by tokens: those of its tasks or, while it has none, one of a probe of its own. A
 * process that answers and a model that is loaded prove nothing: the model may stand still behind both.
 */
import type { EngineProcess } from "../engine/process/engineProcess.ts";

type Engine = Pick<EngineProcess, "generate" | "state">;

const oneToken = {
  prompt: "Hi",
  raw: true,
  probe: true,
  params: { max_tokens: 1, temperature: 0, top_p: 1 },
};

/** The same engine, whose tokens are noticed; with `lives`: whether it has lately produced one. */
export function withPulse<Watched extends Engine>(
  engine: Watched,
  { hangTimeoutMs }: { hangTimeoutMs: number },
): Watched & Disposable & { lives: () => boolean } {
  // Seen before the process is ended for a hang, where it is to be.
  const probeEveryMs = Math.ceil(hangTimeoutMs / 3);
  const silentAfterMs = 2 * probeEveryMs;
  /** By `performance.now()`; undefined: the engine has not been ready since it was lost. */
  let lastToken: number | undefined;
  let running = 0;
  const beat = () => void (lastToken = performance.now());
  const isReady = () => engine.state().status === "ready";

  const generate: Engine["generate"] = async (request, options) => {
    running += 1;
    try {
      return await engine.generate(request, {
        ...options,
        onRead() {
          beat();
          options.onRead?.();
        },
        onText(text, counts) {
          beat();
          options.onText(text, counts);
        },
      });
    } finally {
      running -= 1;
    }
  };

  async function probe(): Promise<void> {
    if (!isReady()) lastToken = undefined;
    if (!isReady() || running > 0) return;
    const signal = AbortSignal.timeout(silentAfterMs);
    await generate(oneToken, { signal, onText: () => undefined }).then(
      beat,
      () => undefined, // Its silence says it.
    );
  }

  const timer = setInterval(() => void probe(), probeEveryMs);
  return {
    ...engine,
    generate,
    lives() {
      if (!isReady()) return false;
      // One that has just come up has warmed up with a token.
      lastToken ??= performance.now();
      return performance.now() - lastToken < silentAfterMs;
    },
    [Symbol.dispose]: () => clearInterval(timer),
  };
}
