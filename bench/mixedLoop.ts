/** The engine in a process of its own, under the mixed load of mixed.ts; writes one line of JSON. */
import { setTimeout as sleep } from "node:timers/promises";
import type {
  EngineConfig,
  GenerateOptions,
} from "../services/inference/src/engine/engine.ts";
import { makeLlamaEngine } from "../services/inference/src/engine/llama/llamaEngine.ts";
import { load } from "../services/inference/src/engine/llama/load.ts";
import { percentiles } from "./figures.ts";
import { assertDevice } from "./gpu.ts";

export interface MixedJob {
  model: string;
  gpu: "cuda" | "off";
  dataDir: string;
  rounds: number;
}

export interface MixedRound {
  /** Of each prompt. */
  promptTokens: number;
  alone: { readPerS: number; gapP50Ms: number };
  beside: { readPerS: number; gapP99Ms: number };
  /** From a cancel beside prompts until the slot is free: the most ms, and the most tokens that a neighbour got. */
  cancel: { ms: number; steps: number };
}

const WRITERS = 4;
const PROMPTS = 16;
const PROMPT_TOKENS = 1_500;
const CONTEXT = 2_048;
/** How long the generations are watched without prompts. */
const WATCHED_MS = 1_000;
const CANCEL_EVERY_MS = 100;
const WORDS = ["river", "stone", "light", "garden", "winter", "letter"];

const job = JSON.parse(process.argv[2] ?? "") as MixedJob;
const config: EngineConfig = {
  ...{ engine: "llama", model: job.model, gpu: job.gpu },
  ...{ modelsDir: job.dataDir, dataDir: job.dataDir },
  ...{ slots: WRITERS + PROMPTS, contextSize: CONTEXT },
  ...{ fakeMs: 0, fakeTokens: 0 },
};
const reports = {
  onProgress: () => undefined,
  onWarning: () => undefined,
  onThreads: () => undefined,
};
const logit_bias = await biasAgainstTextless();
const engine = await makeLlamaEngine(config, reports);
assertDevice(engine.info.device, job.gpu === "cuda");

/** Past its end a text goes on in tokens that have no text, which nothing tells of. */
async function biasAgainstTextless(): Promise<Record<string, number>> {
  const small = { ...config, slots: 1, contextSize: 256 };
  const { model, context } = await load(job.model, small, reports);
  const textless = [...model.iterateAllTokens()].filter(
    (token) => model.detokenize([token]) === "",
  );
  await context.dispose();
  await model.dispose();
  return Object.fromEntries(textless.map((token) => [token, -100]));
}

function generate(
  prompt: string,
  max_tokens: number,
  options: Partial<GenerateOptions> = {},
) {
  const params = {
    ...{ max_tokens, temperature: 0, top_p: 1, ignore_eos: true },
    logit_bias,
  };
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

/** Reads so many prompts at once. */
async function read(count = PROMPTS) {
  const start = performance.now();
  const results = await Promise.all(
    Array.from({ length: count }, () => generate(promptOf(wordsOfPrompt), 1)),
  );
  const seconds = (performance.now() - start) / 1_000;
  const tokens = results.map((r) => r.promptTokens - r.cachedTokens);
  const sum = tokens.reduce((a, b) => a + b, 0);
  return { readPerS: sum / seconds, promptTokens: results[0]!.promptTokens };
}

interface Writer {
  /** Tokens so far. */
  tokens: number;
  /** Ends it; resolves once its slot is free. */
  cancel: () => Promise<void>;
}

/** Generations that run meanwhile, and the gaps between their tokens. */
async function beside<T>(during: (writers: Writer[]) => Promise<T>) {
  const gaps: number[] = [];
  let watched = false;

  function startWriter(i: number): Writer {
    const stop = new AbortController();
    const { signal } = stop;
    const writer = { tokens: 0, cancel };
    const ended = write();
    async function write(): Promise<void> {
      while (!signal.aborted) {
        let last: number | undefined;
        const onText = () => {
          const now = performance.now();
          if (last !== undefined && watched) gaps.push(now - last);
          last = now;
          writer.tokens += 1;
        };
        // It ends by its length, or by the abort.
        await generate(`${i} Once upon a time`, 1_000, {
          ...{ signal, onText },
        }).catch((error: unknown) => {
          if (!signal.aborted) throw error;
        });
      }
    }
    async function cancel(): Promise<void> {
      stop.abort();
      await ended;
    }
    return writer;
  }

  const writers = Array.from({ length: WRITERS }, (_, i) => startWriter(i));
  await sleep(WATCHED_MS / 4);
  watched = true;
  const result = await during(writers);
  watched = false;
  await Promise.all(writers.map(({ cancel }) => cancel()));
  return { result, ...percentiles(gaps) };
}

/** Cancels the generations one after the other while prompts are read; the last one tells the steps. */
async function cancelBesidePrompts([neighbour, ...others]: Writer[]) {
  const reading = read(WRITERS);
  const most = { ms: 0, steps: 0 };
  for (const { cancel } of others) {
    await sleep(CANCEL_EVERY_MS);
    const before = neighbour!.tokens;
    const since = performance.now();
    await cancel();
    most.ms = Math.max(most.ms, performance.now() - since);
    most.steps = Math.max(most.steps, neighbour!.tokens - before);
  }
  await reading;
  return most;
}

/** As the model counts its own tokens. */
const { promptTokens: measured } = await generate(promptOf(200), 1);
const wordsOfPrompt = Math.round((PROMPT_TOKENS * 200) / measured);
await beside(() => sleep(WATCHED_MS)); // warms up

const rounds: MixedRound[] = [];
for (let i = 0; i < job.rounds; i++) {
  const { readPerS, promptTokens } = await read();
  const quiet = await beside(() => sleep(WATCHED_MS));
  const busy = await beside(() => read());
  const { result: cancel } = await beside(cancelBesidePrompts);
  rounds.push({
    promptTokens,
    alone: { readPerS, gapP50Ms: quiet.p50_ms },
    beside: {
      readPerS: busy.result.readPerS,
      gapP99Ms: busy.p99_ms,
    },
    cancel,
  });
}
process.stdout.write(`${JSON.stringify(rounds)}\n`, () =>
  // The native library's end is slow, and has nothing to do any more.
  process.kill(process.pid, "SIGKILL"),
);
