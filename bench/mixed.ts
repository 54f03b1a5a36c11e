/**
 * Long prompts beside running generations, in the engine's own process: how much slower the prompts are read than
 * alone, and how much longer the generations' gaps between two tokens become. And what both can be at best, by the
 * length of the pieces in which the prompts are read.
 */
import { median, round, type Figures, type Options } from "./figures.ts";
import { inProcess } from "./inProcess.ts";
import type { MixedJob, MixedRound } from "./mixedLoop.ts";
import { modelsFor } from "./model.ts";
import type { PieceJob, PieceTimes } from "./pieceLoop.ts";

const ROUNDS = 3;

export async function mixed({ card }: Options): Promise<Figures> {
  const [name, { file }] = Object.entries(modelsFor(card))[0]!;
  const gpu = card === undefined ? "off" : "cuda";
  const place = { model: file(), gpu } as const;
  const job = { ...place, rounds: ROUNDS };
  const rounds = await inProcess<MixedJob, MixedRound[]>("mixedLoop.ts", job);
  const mid = (of: (round: MixedRound) => number) =>
    round(median(rounds.map(of)));
  return {
    [`16 prompts of 1,500 tokens beside 4 generations, ${name} model`]: {
      prompt_tokens: mid(({ promptTokens }) => promptTokens),
      read_per_s: mid(({ beside }) => beside.readPerS),
      read_alone_per_s: mid(({ alone }) => alone.readPerS),
      share: mid(({ beside, alone }) => beside.readPerS / alone.readPerS),
      gap_p99_ms: mid(({ beside }) => beside.gapP99Ms),
      gap_alone_p50_ms: mid(({ alone }) => alone.gapP50Ms),
      times: mid(({ beside, alone }) => beside.gapP99Ms / alone.gapP50Ms),
      cancel_ms: mid(({ cancel }) => cancel.ms),
      cancel_steps: mid(({ cancel }) => cancel.steps),
    },
    ...(await pieces(name, place)),
  };
}

/** With one piece of a prompt after each step: the gap between two tokens by the step, and the share of the best reading rate. */
async function pieces(
  name: string,
  place: Omit<PieceJob, "dataDir">,
): Promise<Figures> {
  const times = await inProcess<PieceJob, PieceTimes[]>("pieceLoop.ts", place);
  const best = Math.max(...times.map((t) => t.tokens / t.pieceMs));
  const rows = times.map(({ tokens, stepMs, pieceMs }) => [
    `a piece of ${tokens} tokens after each step of 4 generations, ${name} model`,
    {
      step_ms: round(stepMs),
      piece_ms: round(pieceMs),
      times: round((stepMs + pieceMs) / stepMs),
      share: round(tokens / (stepMs + pieceMs) / best),
    },
  ]);
  return Object.fromEntries(rows) as Figures;
}
