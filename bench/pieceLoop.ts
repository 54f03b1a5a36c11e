/**
 * What a piece of a prompt costs beside four generations, by its length, in a process of its own: a step of the four, then
 * the piece, again and again, straight over llama.cpp's context. Writes one line of JSON.
 */
import { openNative } from "../services/inference/src/engine/llama/internals.ts";
import { load } from "../services/inference/src/engine/llama/load.ts";
import { median } from "./figures.ts";

export interface PieceJob {
  model: string;
  gpu: "cuda" | "off";
  dataDir: string;
}

/** Medians, in ms. */
export interface PieceTimes {
  tokens: number;
  /** One token of each generation, decoded and sampled. */
  stepMs: number;
  pieceMs: number;
}

const WRITERS = 4;
const CONTEXT = 2_048;
/** Half of what the generations, and the prompts, of the mixed load have in the end. */
const WRITTEN = 500;
const READ = 750;
const LENGTHS = [8, 16, 24, 32, 48, 64, 96, 128, 256, 512];
const TURNS = 15;

const job = JSON.parse(process.argv[2] ?? "") as PieceJob;
const { model, context } = await load(
  job.model,
  {
    ...{ engine: "llama", model: job.model, gpu: job.gpu, threads: 1 },
    ...{ modelsDir: job.dataDir, dataDir: job.dataDir },
    ...{ slots: WRITERS + 1, contextSize: CONTEXT },
    ...{ fakeMs: 0, fakeTokens: 0 },
  },
  {
    onProgress: () => undefined,
    onWarning: () => undefined,
    onThreads: () => undefined,
  },
);
const opened = openNative(context, { worksInOrder: true });
if (typeof opened === "string") throw new Error(opened);
const native = opened;
const words = model.tokenize("the river ran to the garden and ");
const tokensOf = (count: number) =>
  Array.from({ length: count }, (_, i) => words[i % words.length]!);
const sampler = native.makeSampler({
  ...{ temperature: 0, topK: 0, topP: 1, minP: 0, seed: 0 },
});

/** ms until so many tokens of each sequence are decoded, and sampled where asked for; they are removed again. */
async function timed(
  sequences: readonly number[],
  position: number,
  count: number,
  isSampled: boolean,
): Promise<number> {
  const tokens = tokensOf(count);
  const start = performance.now();
  const { logits, done } = native.decode(
    sequences.map((sequence) => {
      return { sequence, position, tokens, drafted: 0 };
    }),
  );
  const sampled = isSampled
    ? logits.map((index) => native.sample(index, sampler))
    : [];
  await Promise.all([done, ...sampled]);
  const ms = performance.now() - start;
  for (const sequence of sequences) native.cut(sequence, position);
  return ms;
}

async function fill(sequence: number, length: number): Promise<void> {
  for (let position = 0; position < length; position += READ / 3) {
    const tokens = tokensOf(Math.min(READ / 3, length - position));
    await native.decode([{ sequence, position, tokens, drafted: 0 }]).done;
  }
}

const writers = Array.from({ length: WRITERS }, (_, i) => i);
for (const writer of writers) await fill(writer, WRITTEN);
await fill(WRITERS, READ);

const times: PieceTimes[] = [];
for (const tokens of LENGTHS) {
  const steps: number[] = [];
  const pieces: number[] = [];
  for (let turn = 0; turn < TURNS; turn++) {
    steps.push(await timed(writers, WRITTEN, 1, true));
    pieces.push(await timed([WRITERS], READ, tokens, false));
  }
  times.push({ tokens, stepMs: median(steps), pieceMs: median(pieces) });
}
process.stdout.write(`${JSON.stringify(times)}\n`, () =>
  // The native library's end is slow, and has nothing to do any more.
  process.kill(process.pid, "SIGKILL"),
);
