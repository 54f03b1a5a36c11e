/** What a system prompt saves that many tasks share: beside it the same tasks, each with another one of the same length. */
import { startStack, type Stack } from "@jetscribe/testing";
import { ask } from "./ask.ts";
import { median, round, type Figures } from "./figures.ts";
import { models } from "./model.ts";

const SLOTS = 4;
const CONTEXT = 1_024;
const TASKS = 24;
const TOKENS = 16;
const SYSTEM_TOKENS = 500;
const SENTENCE = "You answer every question about the river in a few words. ";

export async function prefix(): Promise<Figures> {
  const figures: Figures = {};
  for (const [name, { file }] of Object.entries(models)) {
    await using stack = await startStack({
      env: {
        ...{ ENGINE: "llama", MODEL: file(), GPU: "off", LOG_LEVEL: "info" },
        ...{ SLOTS: String(SLOTS), CONTEXT_SIZE: String(CONTEXT) },
      },
      healthyWithinMs: 120_000,
    });
    const row = `${name} model, system prompt of ${SYSTEM_TOKENS} tokens`;
    figures[row] = await compare(stack);
  }
  return figures;
}

async function compare(stack: Stack): Promise<Record<string, number>> {
  const sentences = await sentencesFor(stack);
  const shared = () => system(0, sentences);
  const another = (i: number) => system(i + 1, sentences);
  await run(stack, SLOTS, shared); // each slot reads it once
  const reused = await run(stack, TASKS, shared);
  const computed = await run(stack, TASKS, another);
  return {
    tasks_per_s: reused.tasksPerS,
    without_reuse_per_s: computed.tasksPerS,
    times: round(reused.tasksPerS / computed.tasksPerS),
    prompt_tokens: reused.promptTokens,
    cached_tokens: reused.cachedTokens,
    without_reuse_cached_tokens: computed.cachedTokens,
  };
}

/** They differ from the first words on. */
const system = (number: number, sentences: number): string =>
  `Case ${String(1_000 + number)}. ${SENTENCE.repeat(sentences)}`;

/** As each model counts its own tokens. */
async function sentencesFor(stack: Stack): Promise<number> {
  const tokensOf = async (sentences: number) =>
    (await run(stack, 1, () => system(0, sentences))).promptTokens;
  const [few, more] = [await tokensOf(4), await tokensOf(8)];
  return Math.round(SYSTEM_TOKENS / ((more - few) / 4));
}

async function run(stack: Stack, count: number, system: (i: number) => string) {
  const start = performance.now();
  const results = await Promise.all(
    Array.from({ length: count }, (_, i) => answer(stack, system(i), i)),
  );
  const seconds = (performance.now() - start) / 1_000;
  return {
    tasksPerS: round(count / seconds),
    promptTokens: median(results.map(({ promptTokens }) => promptTokens)),
    cachedTokens: median(results.map(({ cachedTokens }) => cachedTokens)),
  };
}

async function answer(stack: Stack, system: string, i: number) {
  const { task_id } = await ask(stack, "/generate", {
    messages: [
      { role: "system", content: system },
      { role: "user", content: `What is the river of case ${i}?` },
    ],
    ...{ max_tokens: TOKENS, ignore_eos: true, temperature: 0 },
  });
  const path = `/result/${String(task_id)}?wait=300`;
  const { metrics, cached_tokens } = await ask(stack, path);
  return {
    promptTokens: (metrics as Record<string, number>)["prompt_tokens"] ?? NaN,
    cachedTokens: Number(cached_tokens),
  };
}
