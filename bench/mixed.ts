/**
 * Long prompts beside running generations, in the engine's own process: how much slower the prompts are read than
 * alone, and how much longer the generations' gaps between two tokens become.
 */
import { spawn } from "node:child_process";
import { once } from "node:events";
import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { text } from "node:stream/consumers";
import { median, round, type Figures } from "./figures.ts";
import type { MixedJob, MixedRound } from "./mixedLoop.ts";
import { models } from "./model.ts";

const ROUNDS = 3;

export async function mixed(): Promise<Figures> {
  const rounds = await runMixed(models.demo.file());
  const mid = (of: (round: MixedRound) => number) =>
    round(median(rounds.map(of)));
  return {
    "16 prompts of 1,500 tokens beside 4 generations, demo model": {
      prompt_tokens: mid(({ promptTokens }) => promptTokens),
      read_per_s: mid(({ beside }) => beside.readPerS),
      read_alone_per_s: mid(({ alone }) => alone.readPerS),
      share: mid(({ beside, alone }) => beside.readPerS / alone.readPerS),
      gap_p99_ms: mid(({ beside }) => beside.gapP99Ms),
      gap_alone_p50_ms: mid(({ alone }) => alone.gapP50Ms),
      times: mid(({ beside, alone }) => beside.gapP99Ms / alone.gapP50Ms),
      cancel_ms: mid(({ beside }) => beside.cancelMs),
    },
  };
}

async function runMixed(model: string): Promise<MixedRound[]> {
  const dataDir = mkdtempSync(join(tmpdir(), "jetscribe-mixed-"));
  const job: MixedJob = { model, dataDir, rounds: ROUNDS };
  const child = spawn(
    process.execPath,
    [join(import.meta.dirname, "mixedLoop.ts"), JSON.stringify(job)],
    {
      // As the worker's engine runs; see forkEngine.ts.
      env: { ...process.env, UV_THREADPOOL_SIZE: "1" },
      stdio: ["ignore", "pipe", "inherit"],
    },
  );
  const ended = once(child, "exit");
  const answer = await text(child.stdout);
  await ended;
  rmSync(dataDir, { recursive: true, force: true });
  if (answer === "") throw new Error("the engine's process ended");
  return JSON.parse(answer) as MixedRound[];
}
