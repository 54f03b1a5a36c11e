/**
 * How many threads make a model fastest on this machine. llama.cpp's threads meet at a barrier after each step and spin
 * there: where another process has one's core, all of them wait for it (7 tokens/s instead of 560, measured with a small
 * model on two cores). So it is measured, once per model and machine.
 */
import type { Llama, LlamaModel } from "node-llama-cpp";
import { statSync } from "node:fs";
import { availableParallelism, cpus } from "node:os";
import { basename, join } from "node:path";
import * as z from "zod";
import { openFacts } from "./facts.ts";

const budgetMs = 1_000;
const measureMs = 100;
/** More threads have to be worth it. */
const worthIt = 1.1;
const contextSize = 256;

/** `path`: of the model's file; `dataDir` keeps what was measured, in `threads.json`. */
export async function fastestThreads(
  llama: Llama,
  model: LlamaModel,
  { path, dataDir }: { path: string; dataDir: string },
): Promise<number> {
  // The library does not know a container's share of the machine. One core is left to the processes around the engine:
  // while they have one that a thread is on, all the others wait.
  const cores = Math.min(availableParallelism(), llama.cpuMathCores);
  const most = Math.max(1, cores - 1);
  if (most === 1) return 1;
  const { size, mtimeMs } = statSync(path);
  const machine = `${cpus()[0]?.model ?? "cpu"} x ${most}`;
  const key = `${basename(path)} ${size} ${mtimeMs} on ${machine}`;
  const facts = openFacts(join(dataDir, "threads.json"), z.int().positive());
  const known = facts.get(key);
  if (known !== undefined) return known;
  llama.maxThreads = most;
  const threads = await measure(most, (count) => tokensPerS(model, count));
  facts.set(key, threads);
  return threads;
}

/** From the most threads down, as a large model leaves time for few measurements; of equals the fewest. */
export async function measure(
  most: number,
  speedOf: (threads: number) => Promise<number>,
  now: () => number = () => performance.now(),
): Promise<number> {
  const until = now() + budgetMs;
  let best = { threads: most, speed: await speedOf(most) };
  for (const threads of fewerThan(most)) {
    if (now() >= until) break;
    const speed = await speedOf(threads);
    if (speed * worthIt >= best.speed)
      best = { threads, speed: Math.max(speed, best.speed) };
  }
  return best.threads;
}

function fewerThan(most: number): number[] {
  const counts: number[] = [];
  for (let count = most; count > 1;)
    counts.push((count = Math.floor(count / 2)));
  return counts;
}

async function tokensPerS(model: LlamaModel, threads: number): Promise<number> {
  const context = await model.createContext({
    ...{ sequences: 1, contextSize, threads },
  });
  const sequence = context.getSequence();
  const prompt = model.tokenize("Once upon a time");
  let since: number | undefined;
  let tokens = 0;
  for await (const _ of sequence.evaluate(prompt, { yieldEogToken: true })) {
    // The first one reads the prompt too.
    if (since === undefined) since = performance.now();
    else tokens += 1;
    const over = performance.now() - since >= measureMs && tokens > 0;
    if (over || tokens >= contextSize / 2) break;
  }
  const speed = (tokens * 1_000) / (performance.now() - (since ?? 0));
  await context.dispose();
  return speed;
}
