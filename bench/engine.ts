/**
 * What the engine's loop adds to llama.cpp, in the engine's own process: a step of the loop beside one of a bare loop over
 * the same native context, in turns, and the part of it that is llama.cpp's own. And what a drafted row costs, which bounds
 * what speculation can gain.
 */
import type { EngineJob, RowTimes, StepTimes } from "./engineLoop.ts";
import { round, type Figures } from "./figures.ts";
import { inProcess } from "./inProcess.ts";
import { models } from "./model.ts";

const ROUNDS = 3;
const TOKENS = 200;

export async function engine(): Promise<Figures> {
  const job = { model: models.demo.file(), rounds: ROUNDS, tokens: TOKENS };
  const { steps, rows } = await inProcess<
    EngineJob,
    { steps: StepTimes[]; rows: RowTimes[] }
  >("engineLoop.ts", job);
  return Object.fromEntries([
    ...steps.map(rowOfStep),
    ...rows.map((times) => rowOfRows(times, rows)),
  ]) as Figures;
}

const perS = (answers: number, ms: number) => round((answers * 1_000) / ms);

const rowOfStep = (times: StepTimes) => {
  const { answers, threads, bareMs, decodeMs, engineMs } = times;
  return [
    `demo model, ${answers} at once, threads: ${threads}`,
    {
      tokens_per_s: perS(answers, engineMs),
      bare_tokens_per_s: perS(answers, bareMs),
      share_of_bare: round(bareMs / engineMs),
      decode_share: round(decodeMs / engineMs),
    },
  ] as const;
};

/** `times`: the tokens/s of a text whose guesses are all right, by those of the same text without drafts on one thread. */
function rowOfRows({ rows, threads, ms }: RowTimes, all: readonly RowTimes[]) {
  const plainMs = all.find((one) => one.rows === 1 && one.threads === 1)!.ms;
  return [
    `demo model, a batch of ${rows} rows of one answer, threads: ${threads}`,
    { ms: round(ms), times_if_all_are_right: round((rows * plainMs) / ms) },
  ] as const;
}
