/** What the system adds to the model: the same texts through all of it, and from the bare library, in one run. */
import { startStack } from "@jetscribe/testing";
import { spawn } from "node:child_process";
import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { ask } from "./ask.ts";
import type { BareJob, BareRound } from "./bareLoop.ts";
import { median, round } from "./figures.ts";
import type { Figures } from "./measurements.ts";
import { ensureRandomModel } from "./randomModel.ts";

const root = join(import.meta.dirname, "..");
/** How long a text is worth its time, and the file. */
export const models = {
  demo: { tokens: 400, file: () => join(root, "models/demo.gguf") },
  "135M": {
    tokens: 24,
    file: () => ensureRandomModel(join(root, ".local/bench/random-135m.gguf")),
  },
};
const SLOTS = 16;
const CONTEXT = 512;
const AT_ONCE = [1, 4, 8, 16];
const PROMPT = "Tell me a story about a river.";
const ONE_BY_ONE = 30;

/** Tokens per second of all texts together, through the system and from the bare library. */
export async function tokens(): Promise<Figures> {
  const figures: Figures = {};
  for (const [name, { file, tokens }] of Object.entries(models)) {
    const bare = await runBare(file(), tokens, AT_ONCE);
    await using system = await startModel(file());
    await system.texts(SLOTS, tokens); // warms up
    for (const [i, count] of AT_ONCE.entries()) {
      const seconds = await system.texts(count, tokens);
      const ours = (count * tokens) / seconds;
      const theirs = bare[i]?.tokensPerS ?? NaN;
      figures[`${name} model, ${count} at once`] = {
        tokens_per_s: round(ours),
        bare_tokens_per_s: round(theirs),
        share_of_bare: round(ours / theirs),
      };
    }
  }
  return figures;
}

/** From the POST to the first text on the stream, beside the bare library's first token. */
export async function firstToken(): Promise<Figures> {
  const { file } = models.demo;
  const rounds = Array.from({ length: ONE_BY_ONE }, () => 1);
  const bare = await runBare(file(), 2, rounds);
  await using system = await startModel(file());
  await system.texts(SLOTS, 16);
  const times: number[] = [];
  for (let i = 0; i < ONE_BY_ONE; i++) times.push(await system.firstText(i));
  const ours = median(times);
  const theirs = median(bare.map(({ firstTokenMs }) => firstTokenMs));
  return {
    "POST to first text on the stream, demo model": {
      p50_ms: round(ours),
      bare_p50_ms: round(theirs),
      added_ms: round(ours - theirs),
    },
  };
}

/** From a cancel to the start of the task that waited for the slot. */
export async function abort(): Promise<Figures> {
  const whole = { slots: 1, context: 2_048 };
  await using system = await startModel(models.demo.file(), whole);
  const times: number[] = [];
  for (let i = 0; i < ONE_BY_ONE; i++) times.push(await system.freed());
  const sorted = times.toSorted((a, b) => a - b);
  return {
    "cancel to the next task's start, demo model, 1 slot": {
      p50_ms: round(median(times)),
      most_ms: round(sorted.at(-1) ?? NaN),
    },
  };
}

async function startModel(
  model: string,
  { slots = SLOTS, context = CONTEXT } = {},
) {
  const stack = await startStack({
    env: {
      ...{ ENGINE: "llama", MODEL: model, GPU: "off", LOG_LEVEL: "info" },
      ...{ SLOTS: String(slots), CONTEXT_SIZE: String(context) },
    },
    healthyWithinMs: 120_000,
  });
  const call = (path: string, body?: object) => ask(stack, path, body);
  const text = (max_tokens: number) => ({
    ...{ prompt: PROMPT, max_tokens, ignore_eos: true, temperature: 0 },
  });
  const accept = async (max_tokens: number) =>
    String((await call("/generate", text(max_tokens)))["task_id"]);
  const started = async (id: string): Promise<number> => {
    for (;;) {
      const { start_time } = await call(`/status/${id}`);
      if (typeof start_time === "number") return start_time * 1_000;
    }
  };
  return {
    /** Seconds until so many texts at once are there. */
    async texts(count: number, tokens: number): Promise<number> {
      const start = performance.now();
      const ids = await Promise.all(
        Array.from({ length: count }, () => accept(tokens)),
      );
      await Promise.all(ids.map((id) => call(`/result/${id}?wait=120`)));
      return (performance.now() - start) / 1_000;
    },
    /** ms; each prompt is another one, so that no slot has any of it. */
    async firstText(i: number): Promise<number> {
      const start = performance.now();
      const body = { ...text(64), prompt: `${i}: ${PROMPT}` };
      const { task_id } = await call("/generate", body);
      const { body: stream } = await fetch(
        `${stack.url}/stream/${String(task_id)}`,
        { headers: { "x-api-key": stack.key } },
      );
      let first = NaN;
      for await (const piece of stream!.pipeThrough(new TextDecoderStream()))
        if (Number.isNaN(first) && piece.includes("event: token"))
          first = performance.now() - start;
      return first;
    },
    /** ms from the cancel of the running task to the start of the waiting one. */
    async freed(): Promise<number> {
      const runs = await accept(1_900);
      await started(runs);
      const waits = await accept(1);
      const cancelled = Date.now();
      await call(`/cancel/${runs}`, {});
      return (await started(waits)) - cancelled;
    },
    [Symbol.asyncDispose]: () => stack.stop(),
  };
}

async function runBare(
  path: string,
  tokens: number,
  rounds: number[],
): Promise<BareRound[]> {
  const dataDir = await mkdtemp(join(tmpdir(), "jetscribe-bare-"));
  const job: BareJob = {
    ...{ path, dataDir, slots: SLOTS, contextSize: CONTEXT },
    ...{ prompt: PROMPT, tokens, rounds },
  };
  const child = spawn(
    process.execPath,
    [join(import.meta.dirname, "bareLoop.ts"), JSON.stringify(job)],
    {
      // As the worker's engine runs; see forkEngine.ts.
      env: { ...process.env, UV_THREADPOOL_SIZE: "1" },
      stdio: ["ignore", "pipe", "inherit"],
    },
  );
  let output = "";
  for await (const piece of child.stdout) output += String(piece);
  await rm(dataDir, { recursive: true, force: true });
  return JSON.parse(output) as BareRound[];
}
