/**
 * The engine's loop beside a bare loop over the same native context, and what a drafted row costs, in a process of its own.
 * Writes one line of JSON.
 */
import {
  openNative,
  type Share,
} from "../services/inference/src/engine/llama/internals.ts";
import { load } from "../services/inference/src/engine/llama/load.ts";
import { makeBatchLoop } from "../services/inference/src/engine/llama/loop/batchLoop.ts";
import { fixedThreads } from "../services/inference/src/engine/llama/loop/threads.ts";
import type { Sequence } from "../services/inference/src/engine/llama/sequence.ts";
import { median } from "./figures.ts";

export interface EngineJob {
  model: string;
  dataDir: string;
  rounds: number;
  /** Of each answer. */
  tokens: number;
}

/** Medians of the steps of all rounds, in ms: one token of each answer, decoded and sampled. */
export interface StepTimes {
  answers: number;
  threads: number;
  bareMs: number;
  /** From the start of a batch until llama.cpp has computed it; the rest of the step is sampling and the way there. */
  decodeMs: number;
  engineMs: number;
}

/** Of one answer; ms of a batch of so many rows that are all sampled, a tenth of which took less. */
export interface RowTimes {
  rows: number;
  threads: number;
  ms: number;
}

const ANSWERS = [1, 4, 8, 16];
const THREADS = [1, 2];
const SLOTS = 16;
const CONTEXT = 1_024;
const ROWS = [1, 2, 4, 9, 13];
/** Tokens in the cells of the answer whose drafts are measured. */
const DEPTH = 300;
const TURNS = 200;
/** Of one text. */
const MOST_MS = 700;
const GREEDY = { temperature: 0, topK: 0, topP: 1, minP: 0, seed: 0 };

const job = JSON.parse(process.argv[2] ?? "") as EngineJob;
const { model, native } = await open();
const prompt = model.tokenize("Once upon a time there was a river that", true);

async function open() {
  const { model, context } = await load(
    job.model,
    {
      ...{ engine: "llama", model: job.model, gpu: "off", threads: 1 },
      ...{ modelsDir: job.dataDir, dataDir: job.dataDir },
      ...{ slots: SLOTS, contextSize: CONTEXT },
      ...{ fakeMs: 0, fakeTokens: 0 },
    },
    {
      onProgress: () => undefined,
      onWarning: () => undefined,
      onThreads: () => undefined,
    },
  );
  const native = openNative(context, { worksInOrder: true });
  if (typeof native === "string") throw new Error(native);
  return { model, native };
}

const first = (count: number) => Array.from({ length: count }, (_, i) => i);

/** Nothing but the batches: what a loop over this context can be at best. Gives the ms of each step. */
async function bare(answers: number, threads: number) {
  native.setThreads(threads);
  const sampler = native.makeSampler(GREEDY);
  for (const sequence of first(answers))
    await native.decode([share(sequence, 0, prompt)]).done;
  const times = { step: [] as number[], decode: [] as number[] };
  const isOver = makeEnd();
  let next = first(answers).map(() => prompt.at(-1)!);
  for (let n = 0; n < job.tokens && !isOver(); n++) {
    const start = performance.now();
    const { logits, done } = native.decode(
      next.map((token, i) => share(i, prompt.length + n, [token])),
    );
    const sampled = logits.map((index) => native.sample(index, sampler));
    await done;
    times.decode.push(performance.now() - start);
    next = await Promise.all(sampled);
    times.step.push(performance.now() - start);
  }
  sampler[Symbol.dispose]();
  for (const sequence of first(answers)) native.cut(sequence, 0);
  return times;
}

const share = (
  sequence: number,
  position: number,
  tokens: Share["tokens"],
) => ({ sequence, position, tokens, drafted: 0 });

/** Two threads stand still for seconds where other programs have the cores. */
function makeEnd(): () => boolean {
  const until = performance.now() + MOST_MS;
  return () => performance.now() > until;
}

/** By the engine's loop: the ms from token to token of the first answer, once all have begun. */
async function engine(answers: number, threads: number): Promise<number[]> {
  const sequences = makeBatchLoop(native, SLOTS, fixedThreads(threads));
  const times: number[] = [];
  const isOver = makeEnd();
  let begun = 0;
  let last = 0;
  const write = async (sequence: Sequence) => {
    let written = 0;
    await sequence.write({
      ...{ tokens: prompt, goesOn: false, sampling: GREEDY },
      ...{ signal: new AbortController().signal, most: job.tokens },
      owner: undefined,
      onToken() {
        const now = performance.now();
        if (++written === 1) begun += 1;
        else if (sequence.number === 0 && begun === answers)
          times.push(now - last);
        if (sequence.number === 0) last = now;
        return written < job.tokens && !isOver();
      },
    });
  };
  await Promise.all(sequences.slice(0, answers).map(write));
  for (const sequence of first(answers)) native.cut(sequence, 0);
  return times;
}

async function steps(): Promise<StepTimes[]> {
  const cases = THREADS.flatMap((threads) =>
    ANSWERS.map((answers) => {
      const none = (): number[] => [];
      return { answers, threads, bare: none(), decode: none(), ours: none() };
    }),
  );
  for (let round = 0; round < job.rounds; round++)
    for (const { answers, threads, ...times } of cases) {
      const { step, decode } = await bare(answers, threads);
      times.bare.push(...step);
      times.decode.push(...decode);
      times.ours.push(...(await engine(answers, threads)));
    }
  return cases.map(({ answers, threads, bare, decode, ours }) => ({
    ...{ answers, threads, bareMs: median(bare) },
    ...{ decodeMs: median(decode), engineMs: median(ours) },
  }));
}

async function rows(): Promise<RowTimes[]> {
  const filled = Array.from(
    { length: DEPTH },
    (_, i) => prompt[i % prompt.length]!,
  );
  await native.decode([share(0, 0, filled)]).done;
  const cases = THREADS.flatMap((threads) =>
    ROWS.map((rows) => ({ rows, threads, times: [] as number[] })),
  );
  // Not in turns: llama.cpp builds its graph anew where a batch has another shape than the one before.
  for (const { rows, threads, times } of cases)
    for (const isOver = makeEnd(); times.length < TURNS && !isOver();)
      times.push(await timed(filled.slice(0, rows), threads));
  native.cut(0, 0);
  return cases.map(({ times, ...one }) => ({
    ...one,
    ms: times.toSorted((a, b) => a - b)[Math.floor(times.length / 10)]!,
  }));
}

/** A token and its drafts, decoded and sampled; they are removed again. */
async function timed(
  tokens: Share["tokens"],
  threads: number,
): Promise<number> {
  native.setThreads(threads);
  const sampler = native.makeSampler(GREEDY);
  const drafted = tokens.length - 1;
  const start = performance.now();
  const { logits, done } = native.decode([
    { sequence: 0, position: DEPTH, tokens, drafted },
  ]);
  const sampled = tokens.map((_, i) => native.sample(logits[0]! + i, sampler));
  await Promise.all([done, ...sampled]);
  const ms = performance.now() - start;
  native.cut(0, DEPTH);
  sampler[Symbol.dispose]();
  return ms;
}

await bare(SLOTS, 1); // warms up
await engine(SLOTS, 1);
const answer = { steps: await steps(), rows: await rows() };
process.stdout.write(`${JSON.stringify(answer)}\n`, () =>
  // The native library's end is slow, and has nothing to do any more.
  process.kill(process.pid, "SIGKILL"),
);
