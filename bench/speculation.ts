/** What guessing tokens ahead saves in a text that repeats its prompt, beside the same text without, in turns. */
import { startStack, type Stack } from "@jetscribe/testing";
import { ask } from "./ask.ts";
import { median, round, type Figures } from "./figures.ts";
import { models } from "./model.ts";

const ROUNDS = 7;
const MODES = ["off", "on", "auto"] as const;
/** The demo model repeats its explanations word for word, and a story in most of its words. */
const STORY = "Tell me a story.";
const EXPLANATION = "Explain quantum computing";
/** Random weights know no end, and each text takes its time. */
const cases = {
  demo: { tokens: 250, questions: [STORY, EXPLANATION], warmUp: 40 },
  "135M": { tokens: 80, questions: [STORY], warmUp: 4 },
};

/** The answer that the conversation has already is asked for again. */
export async function speculation(): Promise<Figures> {
  const figures: Figures = {};
  for (const name of ["demo", "135M"] as const) {
    await using stacks = new AsyncDisposableStack();
    const all: { mode: (typeof MODES)[number]; stack: Stack }[] = [];
    for (const mode of MODES)
      all.push({
        mode,
        stack: stacks.use(
          await startStack({
            env: {
              ...{ ENGINE: "llama", MODEL: models[name].file(), GPU: "off" },
              ...{ SLOTS: "4", CONTEXT_SIZE: "1024", LOG_LEVEL: "info" },
              SPECULATION: mode,
            },
            healthyWithinMs: 120_000,
          }),
        ),
      });
    for (const question of cases[name].questions)
      figures[`${name} model, the answer to "${question}" once more`] =
        await compare(all, question, cases[name]);
  }
  return figures;
}

/** In turns, once the engines have chosen their threads. */
async function compare(
  all: readonly { mode: (typeof MODES)[number]; stack: Stack }[],
  content: string,
  { tokens, warmUp }: { tokens: number; warmUp: number },
): Promise<Record<string, number>> {
  const question = { role: "user", content };
  const { result } = await answer(all[0]!.stack, [question], tokens);
  const messages = [
    ...[question, { role: "assistant", content: result }, question],
  ];
  for (const { stack } of all)
    for (let i = 0; i < warmUp; i++) await answer(stack, messages, tokens);
  const speeds = { off: [], on: [], auto: [] } as Record<string, number[]>;
  const row: Record<string, number> = {};
  for (let i = 0; i < ROUNDS; i++)
    for (const { mode, stack } of all) {
      const { metrics } = await answer(stack, messages, tokens);
      const { tokens_per_second = NaN, completion_tokens = NaN } = metrics;
      const { accepted_tokens = 0 } = metrics;
      speeds[mode]!.push(tokens_per_second);
      if (mode !== "off")
        row[`${mode}_accepted_share`] = round(
          accepted_tokens / completion_tokens,
        );
    }
  for (const mode of MODES)
    row[`${mode}_tokens_per_s`] = round(median(speeds[mode]!));
  for (const mode of ["on", "auto"])
    row[`${mode}_times`] = round(
      median(speeds[mode]!.map((speed, i) => speed / speeds["off"]![i]!)),
    );
  return row;
}

async function answer(stack: Stack, messages: object[], max_tokens: number) {
  const { task_id } = await ask(stack, "/generate", {
    ...{ messages, max_tokens, temperature: 0, seed: 1 },
  });
  const outcome = await ask(stack, `/result/${String(task_id)}?wait=120`);
  return {
    result: String(outcome["result"]),
    metrics: outcome["metrics"] as Record<string, number>,
  };
}
