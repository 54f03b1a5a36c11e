/** What the system adds to the model: the same texts through all of it, and from the bare library, in one run. */
import { startStack } from "@jetscribe/testing";
import { spawn } from "node:child_process";
import { once } from "node:events";
import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { createInterface } from "node:readline";
import { ask } from "./ask.ts";
import type { BareJob, BareRound } from "./bareLoop.ts";
import { median, round, type Figures, type Options } from "./figures.ts";
import { assertDevice } from "./gpu.ts";
import { startLlamaServer } from "./llamaServer.ts";
import { ensureRandomModel } from "./randomModel.ts";
import { readHealth } from "../scripts/system/health.ts";

const root = join(import.meta.dirname, "..");
/** How long a text is worth its time, and the file. Short texts would measure the way there and back: see latency. */
export const models = {
  demo: { tokens: 900, file: () => join(root, "models/demo.gguf") },
  "135M": {
    tokens: 40,
    file: () => ensureRandomModel(join(root, ".local/bench/random-135m.gguf")),
  },
};
/** What a GPU is measured with. */
const largeModel = {
  tokens: 200,
  file: () =>
    ensureRandomModel(join(root, ".local/bench/random-1.5b.gguf"), "1.5B"),
};

/** By their names; the first one is the one that a single measurement takes. */
export const modelsFor = (
  card: string | undefined,
): Record<string, { tokens: number; file: () => string }> =>
  card === undefined ? models : { [`1.5B on ${card},`]: largeModel };

const SLOTS = 16;
const CONTEXT = 1_024;
const AT_ONCE = [1, 4, 8, 16];
/** Of each kind: one alone can be a third off on a machine that others share. */
const ROUNDS = 3;
const PROMPT = "Tell me a story about a river.";
const ONE_BY_ONE = 30;
/** Rounds of texts that nobody streams. */
const WARM_UP = 10;

/**
 * Tokens per second of all texts together, through the system and from the bare library, round by round in turns; and
 * from llama.cpp's server with one and with two threads, where it is given.
 */
export async function tokens({ llamaServer, card }: Options): Promise<Figures> {
  const figures: Figures = {};
  for (const [name, model] of Object.entries(modelsFor(card))) {
    const { tokens } = model;
    const file = model.file();
    const gpu = card === undefined ? "off" : "cuda";
    await using bare = startBare(file, tokens, gpu);
    await using system = await startModel(file, { gpu });
    await using servers = new AsyncDisposableStack();
    const beside = await startServers(servers, llamaServer, file);
    await system.texts(SLOTS, tokens); // warms up
    for (const server of beside) await server.texts(SLOTS, tokens);
    for (const count of AT_ONCE) {
      const rounds: { ours: number; theirs: number; beside: number[] }[] = [];
      for (let i = 0; i < ROUNDS; i++) {
        const theirs = (await bare.round(count)).tokensPerS;
        const ours = (count * tokens) / (await system.texts(count, tokens));
        const round = { ours, theirs, beside: [] as number[] };
        for (const server of beside)
          round.beside.push(await server.texts(count, tokens));
        rounds.push(round);
      }
      const mid = (of: (round: (typeof rounds)[0]) => number) =>
        round(median(rounds.map(of)));
      figures[`${name} model, ${count} at once`] = {
        tokens_per_s: mid(({ ours }) => ours),
        bare_tokens_per_s: mid(({ theirs }) => theirs),
        share_of_bare: mid(({ ours, theirs }) => ours / theirs),
        ...besideServers(rounds),
      };
    }
  }
  return figures;
}

const SERVER_THREADS = [1, 2];

async function startServers(
  stack: AsyncDisposableStack,
  command: string | undefined,
  file: string,
  withThreads: readonly number[] = SERVER_THREADS,
) {
  if (command === undefined) return [];
  const job = { command, file, slots: SLOTS, context: CONTEXT, prompt: PROMPT };
  const servers = [];
  for (const threads of withThreads)
    servers.push(stack.use(await startLlamaServer({ ...job, threads })));
  return servers;
}

/** Each server's tokens per second, and ours by the better one's; nothing where there is none. */
function besideServers(
  rounds: readonly { ours: number; beside: readonly number[] }[],
): Record<string, number> {
  if (rounds[0]?.beside.length === 0) return {};
  const medians = SERVER_THREADS.map((_, i) =>
    median(rounds.map(({ beside }) => beside[i]!)),
  );
  const ours = median(rounds.map((round) => round.ours));
  return {
    ...Object.fromEntries(
      SERVER_THREADS.map((n, i) => [
        `llama_server_t${n}_per_s`,
        round(medians[i]!),
      ]),
    ),
    by_llama_server: round(ours / Math.max(...medians)),
  };
}

/** The services' code is not compiled yet in the first streams. */
const FIRST = 15;

/**
 * From the POST to the first text on the stream, beside the bare library's first token, and beside the first text of
 * llama.cpp's server with one thread, where it is given.
 */
export async function firstToken({ llamaServer }: Options): Promise<Figures> {
  const { file } = models.demo;
  await using bare = startBare(file(), 2);
  await using system = await startModel(file());
  await using servers = new AsyncDisposableStack();
  const [server] = await startServers(servers, llamaServer, file(), [1]);
  for (let i = 0; i < WARM_UP; i++) await system.texts(SLOTS, 16);
  await server?.texts(SLOTS, 16);
  const times: number[] = [];
  const bareTimes: number[] = [];
  const serverTimes: number[] = [];
  for (let i = 0; i < ONE_BY_ONE; i++) {
    bareTimes.push((await bare.round(1)).firstTokenMs);
    times.push(await system.firstText(i));
    if (server !== undefined) serverTimes.push(await server.firstText(i));
  }
  const [ours, theirs] = [median(times), median(bareTimes)];
  return {
    "POST to first text on the stream, demo model": {
      p50_ms: round(ours),
      bare_p50_ms: round(theirs),
      added_ms: round(ours - theirs),
      first_15_p50_ms: round(median(times.slice(0, FIRST))),
      ...(server && {
        llama_server_p50_ms: round(median(serverTimes)),
        first_15_after_llama_server_ms: round(
          median(times.slice(0, FIRST)) - median(serverTimes.slice(0, FIRST)),
        ),
      }),
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
  { slots = SLOTS, context = CONTEXT, gpu = "off" } = {},
) {
  const stack = await startStack({
    env: {
      ...{ ENGINE: "llama", MODEL: model, GPU: gpu, LOG_LEVEL: "info" },
      ...{ SLOTS: String(slots), CONTEXT_SIZE: String(context) },
      // The bare library has none, and random weights repeat themselves.
      SPECULATION: "off",
    },
    healthyWithinMs: 120_000,
  });
  const health = await readHealth(stack.url);
  assertDevice(health?.workers[0]?.device, gpu === "cuda");
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

/** The bare library's process. */
function startBare(path: string, tokens: number, gpu: BareJob["gpu"] = "off") {
  const dataDir = mkdtempSync(join(tmpdir(), "jetscribe-bare-"));
  const job: BareJob = {
    ...{ path, gpu, dataDir, slots: SLOTS, contextSize: CONTEXT },
    ...{ prompt: PROMPT, tokens },
  };
  const child = spawn(
    process.execPath,
    [join(import.meta.dirname, "bareLoop.ts"), JSON.stringify(job)],
    {
      // As the worker's engine runs; see forkEngine.ts.
      env: { ...process.env, UV_THREADPOOL_SIZE: "1" },
      stdio: ["pipe", "pipe", "inherit"],
    },
  );
  const ended = once(child, "exit");
  const answers = createInterface({ input: child.stdout })[
    Symbol.asyncIterator
  ]();
  return {
    /** So many texts at once; the first round waits until the model is loaded and warm. */
    async round(count: number): Promise<BareRound> {
      child.stdin.write(`${count}\n`);
      const { value } = (await answers.next()) as { value?: string };
      if (value === undefined)
        throw new Error("the bare library's process ended");
      return JSON.parse(value) as BareRound;
    },
    async [Symbol.asyncDispose]() {
      child.stdin.end();
      await ended;
      rmSync(dataDir, { recursive: true, force: true });
    },
  };
}
