/** The engine in a process of its own, under the mixed load of mixed.ts; writes one line of JSON. */
import { setTimeout as sleep } from "node:timers/promises";
import type { GenerateOptions } from "../services/inference/src/engine/engine.ts";
import { makeLlamaEngine } from "../services/inference/src/engine/llama/llamaEngine.ts";
import { percentiles } from "./figures.ts";

export interface MixedJob {
  model: string;
  dataDir: string;
  rounds: number;
}

export interface MixedRound {
  /** Of each prompt. */
  promptTokens: number;
  alone: { readPerS: number; gapP50Ms: number };
  /** `cancelMs`: from the cancel of all generations until their slots are free. */
  beside: { readPerS: number; gapP99Ms: number; cancelMs: number };
}

const WRITERS = 4;
const PROMPTS = 16;
const PROMPT_TOKENS = 1_500;
const CONTEXT = 2_048;
/** How long the generations are watched without prompts. */
const WATCHED_MS = 1_000;
const WORDS = ["river", "stone", "light", "garden", "winter", "letter"];

const job = JSON.parse(process.argv[2] ?? "") as MixedJob;
const engine = await makeLlamaEngine(
  {
    ...{ engine: "llama", model: job.model, gpu: "off" },
    ...{ modelsDir: job.dataDir, dataDir: job.dataDir },
    ...{ slots: WRITERS + PROMPTS, contextSize: CONTEXT },
    ...{ fakeMs: 0, fakeTokens: 0 },
  },
  {
    onProgress: () => undefined,
    onWarning: () => undefined,
    onThreads: () => undefined,
  },
);

function generate(
  prompt: string,
  max_tokens: number,
  options: Partial<GenerateOptions> = {},
) {
  const params = { max_tokens, temperature: 0, top_p: 1, ignore_eos: true };
  return engine.generate(
    { prompt, raw: true, params },
    {
      signal: new AbortController().signal,
      onText: () => undefined,
      ...options,
    },
  );
}

let prompts = 0;

/** Each begins in another way, so that no slot has any of it. */
const promptOf = (words: number) =>
  [
    `${++prompts}:`,
    ...Array.from(
      { length: words },
      (_, i) => WORDS[(i * prompts) % WORDS.length],
    ),
  ].join(" ");

/** Reads all prompts at once. */
async function read() {
  const start = performance.now();
  const results = await Promise.all(
    Array.from({ length: PROMPTS }, () => generate(promptOf(wordsOfPrompt), 1)),
  );
  const seconds = (performance.now() - start) / 1_000;
  const tokens = results.map((r) => r.promptTokens - r.cachedTokens);
  const sum = tokens.reduce((a, b) => a + b, 0);
  return { readPerS: sum / seconds, promptTokens: results[0]!.promptTokens };
}

/** Generations that run meanwhile, and the gaps between their tokens. */
async function beside<T>(during: () => Promise<T>) {
  const stop = new AbortController();
  const gaps: number[] = [];
  let watched = false;
  async function write(i: number): Promise<void> {
    while (!stop.signal.aborted) {
      let last: number | undefined;
      const onText = () => {
        const now = performance.now();
        if (last !== undefined && watched) gaps.push(now - last);
        last = now;
      };
      const { signal } = stop;
      // It ends by its length, or by the abort.
      await generate(`${i} Once upon a time`, 1_000, { signal, onText }).catch(
        (error: unknown) => {
          if (!signal.aborted) throw error;
        },
      );
    }
  }
  const writers = Array.from({ length: WRITERS }, (_, i) => write(i));
  await sleep(WATCHED_MS / 4);
  watched = true;
  const result = await during();
  watched = false;
  const cancelledAt = performance.now();
  stop.abort();
  await Promise.all(writers);
  const cancelMs = performance.now() - cancelledAt;
  return { result, cancelMs, ...percentiles(gaps) };
}

/** As the model counts its own tokens. */
const { promptTokens: measured } = await generate(promptOf(200), 1);
const wordsOfPrompt = Math.round((PROMPT_TOKENS * 200) / measured);
await beside(() => sleep(WATCHED_MS)); // warms up

const rounds: MixedRound[] = [];
for (let i = 0; i < job.rounds; i++) {
  const { readPerS, promptTokens } = await read();
  const quiet = await beside(() => sleep(WATCHED_MS));
  const busy = await beside(read);
  rounds.push({
    promptTokens,
    alone: { readPerS, gapP50Ms: quiet.p50_ms },
    beside: {
      readPerS: busy.result.readPerS,
      gapP99Ms: busy.p99_ms,
      cancelMs: busy.cancelMs,
    },
  });
}
process.stdout.write(`${JSON.stringify(rounds)}\n`, () =>
  // The native library's end is slow, and has nothing to do any more.
  process.kill(process.pid, "SIGKILL"),
);
