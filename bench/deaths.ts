/** How long a death holds up the tasks that it hit: from the kill to the next start of each. */
import { connectBroker } from "@jetscribe/event-log/connection";
import { hearProgress } from "@jetscribe/event-log/signals";
import { eventually, startStack, type Stack } from "@jetscribe/testing";
import { readFileSync } from "node:fs";
import { setTimeout as sleep } from "node:timers/promises";
import { SERVICES } from "../scripts/services.mjs";
import { ask } from "./ask.ts";
import { median, round } from "./figures.ts";
import type { Figures } from "./measurements.ts";

const ROUNDS = 6;
/** In two workers. */
const TASKS = 8;
const workers = ["inference", "inference-2"] as const;
type Worker = (typeof workers)[number];
const queue = { model: "demo", lane: "interactive", owner: "default" } as const;
/** A lease is renewed every third of its 15 s: the deaths come at any time in between. */
const RENEWED_MS = 5_000;
const mostMs = 60_000;

/** A worker's death, with another one beside it, and its own successor started at once; and an engine's. */
export async function deaths(): Promise<Figures> {
  await using stack = await startStack({
    env: {
      ...{ ENGINE: "fake", FAKE_MS: "600000", FAKE_TOKENS: "30000" },
      SLOTS: String(TASKS),
      LOG_LEVEL: "info",
    },
    services: [...SERVICES, "inference-2"],
  });
  await using broker = await connectBroker({
    url: stack.natsUrl,
    name: "bench",
  });
  const starts = new Map<string, Start[]>();
  using _hearing = hearProgress(broker, queue, (event) => {
    if (event.type !== "GenerateStarted") return;
    const { task_id, worker_id } = event.data;
    const known = starts.get(task_id) ?? [];
    starts.set(task_id, [...known, { worker: worker_id, at: Date.now() }]);
  });

  async function delays(kill: (worker: Worker) => Promise<void>) {
    const delays: number[] = [];
    for (let i = 0; i < ROUNDS; i++) {
      starts.clear();
      const ids = await Promise.all(
        Array.from({ length: TASKS }, () => post(stack)),
      );
      await eventually(() => starts.size === TASKS, { timeoutMs: mostMs });
      await sleep((i * RENEWED_MS) / ROUNDS);
      const victim = busiest(stack, starts);
      const hit = ids.filter((id) => starts.get(id)?.[0]?.worker === victim.id);
      const at = Date.now();
      await kill(victim.worker);
      const again = () => hit.every((id) => (starts.get(id)?.length ?? 0) > 1);
      await eventually(again, { timeoutMs: mostMs });
      delays.push(...hit.map((id) => (starts.get(id)?.[1]?.at ?? NaN) - at));
      await Promise.all(ids.map((id) => ask(stack, `/cancel/${id}`, {})));
      await stack.healthy();
    }
    return figuresOf(delays);
  }

  return {
    "a worker's death to the next start of its tasks": await delays(
      async (worker) => {
        await stack.kill(worker);
        await stack.restart(worker);
      },
    ),
    "an engine's death to the next start of its tasks": await delays(
      (worker) => {
        process.kill(engineOf(stack, worker), "SIGKILL");
        return Promise.resolve();
      },
    ),
  };
}

interface Start {
  worker: string;
  /** ms since the epoch. */
  at: number;
}

const figuresOf = (delays: number[]) => ({
  tasks: delays.length,
  p50_ms: round(median(delays)),
  most_ms: round(Math.max(...delays)),
});

async function post(stack: Stack): Promise<string> {
  const body = { prompt: "hello", max_tokens: 30_000 };
  return String((await ask(stack, "/generate", body))["task_id"]);
}

/** The worker that runs the most. */
function busiest(stack: Stack, starts: ReadonlyMap<string, Start[]>) {
  const running = [...starts.values()].map(([first]) => first?.worker);
  const [most] = workers
    .map((worker) => {
      const id = idOf(stack, worker);
      const count = running.filter((one) => one === id).length;
      return { worker, id, count };
    })
    .toSorted((a, b) => b.count - a.count);
  if (most === undefined || most.count === 0)
    throw new Error("no worker runs anything");
  return most;
}

const idOf = (stack: Stack, worker: Worker): string | undefined =>
  [...stack.output(worker).matchAll(/"worker_id":"([^"]+)".*"worker joined"/g)] // prettier-ignore
    .at(-1)?.[1];

/** Its only child. */
function engineOf(stack: Stack, worker: Worker): number {
  const pid = stack.pid(worker);
  const file = `/proc/${pid}/task/${pid}/children`;
  return Number(readFileSync(file, "utf8").trim().split(" ")[0]);
}
