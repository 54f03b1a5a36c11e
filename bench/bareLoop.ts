/**
 * What node-llama-cpp itself gives, with nothing around it, in a process of its own: for each line of stdin, a number,
 * it writes so many texts at once, each in a sequence of its own, and answers with one line of JSON.
 */
import { createInterface } from "node:readline";
import { load } from "../services/inference/src/engine/llama/load.ts";
import { makePromptReader } from "../services/inference/src/engine/llama/prompt.ts";

export interface BareJob {
  path: string;
  gpu: "cuda" | "off";
  dataDir: string;
  slots: number;
  contextSize: number;
  prompt: string;
  /** Of each text. */
  tokens: number;
}

export interface BareRound {
  tokensPerS: number;
  /** From the start of the evaluation to the first token, of the first text. */
  firstTokenMs: number;
}

const job = JSON.parse(process.argv[2] ?? "") as BareJob;
const { model, context } = await load(
  job.path,
  {
    ...{ engine: "llama", model: job.path, gpu: job.gpu },
    ...{ modelsDir: job.dataDir, dataDir: job.dataDir },
    ...{ slots: job.slots, contextSize: job.contextSize },
    ...{ fakeMs: 0, fakeTokens: 0 },
  },
  {
    onProgress: () => undefined,
    onWarning: () => undefined,
    onThreads: () => undefined,
  },
);
const { tokens: prompt } = await makePromptReader(model)(
  {
    prompt: job.prompt,
    params: { max_tokens: 1, temperature: 0, top_p: 1 },
  },
  context.contextSize,
  new AbortController().signal,
);
const sequences = Array.from({ length: job.slots }, () =>
  context.getSequence({ checkpoints: { interval: false } }),
);

/** The n-th time a text begins, as another one: nothing of it is known from the time before. */
async function write(i: number): Promise<number> {
  const sequence = sequences[i]!;
  await sequence.clearHistory();
  const start = performance.now();
  let firstMs = 0;
  let count = 0;
  const options = { temperature: 0, topK: 0, topP: 1, yieldEogToken: true };
  for await (const token of sequence.evaluate([...prompt], options)) {
    firstMs ||= performance.now() - start;
    model.detokenize([token]);
    if (++count >= job.tokens) break;
  }
  return firstMs;
}

async function round(count: number): Promise<BareRound> {
  const start = performance.now();
  const firsts = await Promise.all(
    Array.from({ length: count }, (_, i) => write(i)),
  );
  const seconds = (performance.now() - start) / 1_000;
  const tokensPerS = (count * job.tokens) / seconds;
  return { tokensPerS, firstTokenMs: firsts[0] ?? 0 };
}

await round(job.slots); // warms up
for await (const line of createInterface({ input: process.stdin }))
  process.stdout.write(`${JSON.stringify(await round(Number(line)))}\n`);
process.kill(process.pid, "SIGKILL"); // the native library's end is slow, and has nothing to do any more
