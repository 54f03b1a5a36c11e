/** llama.cpp's own server beside the system: the same file, slots, context and prompt. */
import { freePort } from "../scripts/system/freePort.ts";
import { spawn } from "node:child_process";
import { once } from "node:events";
import { setTimeout as sleep } from "node:timers/promises";

export interface LlamaServerJob {
  /** How it is started; it may have arguments, separated by spaces. */
  command: string;
  file: string;
  slots: number;
  /** Tokens of each slot. */
  context: number;
  threads: number;
  prompt: string;
}

const readyWithinMs = 60_000;
const pollMs = 100;

/** Starts it; ready once this resolves. */
export async function startLlamaServer(job: LlamaServerJob) {
  const [command = "", ...first] = job.command.split(" ");
  const port = await freePort();
  const url = `http://127.0.0.1:${port}`;
  const child = spawn(
    command,
    [
      ...[...first, "-m", job.file, "--host", "127.0.0.1"],
      ...["--port", port, "-np", job.slots, "-c", job.slots * job.context],
      ...["-t", job.threads, "-tb", job.threads],
    ].map(String),
    { stdio: "ignore" },
  );
  const ended = once(child, "exit");
  const stop = async () => {
    child.kill("SIGKILL");
    await ended;
  };
  const until = performance.now() + readyWithinMs;
  while (!(await isReady(url))) {
    if (performance.now() < until && child.exitCode === null) {
      await sleep(pollMs);
      continue;
    }
    await stop();
    throw new Error(`${job.command} is not ready`);
  }
  return {
    /** Tokens per second of so many texts at once. */
    async texts(count: number, tokens: number): Promise<number> {
      const start = performance.now();
      await Promise.all(
        Array.from({ length: count }, () => write(url, job.prompt, tokens)),
      );
      return (count * tokens * 1_000) / (performance.now() - start);
    },
    /** ms to the first text of a stream; each prompt is another one. */
    async firstText(i: number): Promise<number> {
      const start = performance.now();
      const prompt = `${i}: ${job.prompt}`;
      const { body } = await complete(url, prompt, {
        n_predict: 64,
        stream: true,
      });
      let first = NaN;
      for await (const _ of body!)
        if (Number.isNaN(first)) first = performance.now() - start;
      return first;
    },
    [Symbol.asyncDispose]: stop,
  };
}

const isReady = (url: string): Promise<boolean> =>
  fetch(`${url}/health`).then(
    ({ ok }) => ok,
    () => false,
  );

const complete = (url: string, prompt: string, fields: object) =>
  fetch(`${url}/completion`, {
    method: "POST",
    headers: { "content-type": "application/json" },
    body: JSON.stringify({
      ...{ prompt, ignore_eos: true, temperature: 0 },
      ...fields,
    }),
  });

async function write(url: string, prompt: string, tokens: number) {
  const answer = await complete(url, prompt, { n_predict: tokens });
  const { tokens_predicted } = (await answer.json()) as Record<string, unknown>;
  if (tokens_predicted !== tokens)
    throw new Error(`it wrote ${String(tokens_predicted)} tokens`);
}
