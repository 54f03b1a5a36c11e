/** How long a death holds up the tasks that it hit: from the kill to the next start of each. */
import {
  connectBroker,
  subscribe,
} from "@jetscribe/event-log/broker/connection";
import { subjects, type GenerateStarted } from "@jetscribe/schema";
import {
  eventually,
  stackServices,
  startStack,
  type Stack,
} from "@jetscribe/testing";
import { readFileSync } from "node:fs";
import { setTimeout as sleep } from "node:timers/promises";
import { ask } from "./ask.ts";
import { median, round, type Figures } from "./figures.ts";
import { models } from "./model.ts";

const ROUNDS = 6;
/** In two workers. */
const TASKS = 8;
type Worker = "inference" | "inference-2";
const queue = { model: "demo", lane: "interactive", owner: "default" } as const;
/** A lease is renewed every third of its 15 s: the deaths come at any time in between. */
const RENEWED_MS = 5_000;
const mostMs = 60_000;

/** A worker's death, with another one beside it, and its own successor started at once; and an engine's. */
export async function deaths(): Promise<Figures> {
  return { ...(await ofTwoWorkers()), ...(await ofTheDemoModel()) };
}

async function ofTwoWorkers(): Promise<Figures> {
  await using system = await startRunning(
    { ENGINE: "fake", FAKE_MS: "600000", FAKE_TOKENS: "30000" },
    ["inference", "inference-2"],
  );
  const { stack, delays } = system;
  const workersDeath = await delays(async (worker) => {
    await stack.kill(worker);
    await stack.restart(worker);
  });
  return {
    "a worker's death to the next start of its tasks": figuresOf(workersDeath),
    "an engine's death to the next start of its tasks": figuresOf(
      await delays((worker) => killEngine(stack, worker)),
    ),
  };
}

async function ofTheDemoModel(): Promise<Figures> {
  const engine = { ENGINE: "llama", MODEL: models.demo.file(), GPU: "off" };
  await using system = await startRunning({ ...engine, CONTEXT_SIZE: "8192" }, [
    "inference",
  ]);
  const { stack, delays } = system;
  const deathsDelays = await delays((worker) => killEngine(stack, worker));
  return {
    "an engine's death to the next start of its tasks, demo model": {
      ...figuresOf(deathsDelays),
      load_p50_ms: round(median(loadTimes(stack))),
    },
  };
}

/** A system whose workers are busy, and how long each of its tasks is held up by a death. */
async function startRunning(
  env: NodeJS.ProcessEnv,
  workers: readonly Worker[],
) {
  await using opened = new AsyncDisposableStack();
  const stack = await startStack({
    env: { ...env, SLOTS: String(TASKS), LOG_LEVEL: "info" },
    services: [...new Set([...stackServices, ...workers])],
    healthyWithinMs: mostMs,
  });
  opened.defer(() => stack.stop());
  const { natsUrl: url } = stack;
  const broker = opened.use(await connectBroker({ url, name: "bench" }));
  const starts = new Map<string, Start[]>();
  const subject = subjects.event("started", queue);
  const hearing = subscribe(broker, subject, (message) => {
    const { task_id, worker_id } = message.json<GenerateStarted>();
    const known = starts.get(task_id) ?? [];
    starts.set(task_id, [...known, { worker: worker_id, at: Date.now() }]);
  });
  opened.defer(() => hearing.unsubscribe());

  /** ms from each kill to the next start of each task that it hit. */
  async function delays(kill: (worker: Worker) => Promise<void>) {
    const delays: number[] = [];
    for (let i = 0; i < ROUNDS; i++) {
      starts.clear();
      const ids = await Promise.all(
        Array.from({ length: TASKS }, () => post(stack)),
      );
      await eventually(() => starts.size === TASKS, { timeoutMs: mostMs });
      await sleep((i * RENEWED_MS) / ROUNDS);
      const victim = busiest(stack, workers, starts);
      const hit = ids.filter((id) => starts.get(id)?.[0]?.worker === victim.id);
      const at = Date.now();
      await kill(victim.worker);
      const again = () => hit.every((id) => (starts.get(id)?.length ?? 0) > 1);
      await eventually(again, { timeoutMs: mostMs });
      delays.push(...hit.map((id) => (starts.get(id)?.[1]?.at ?? NaN) - at));
      await Promise.all(ids.map((id) => ask(stack, `/cancel/${id}`, {})));
      await stack.healthy();
    }
    return delays;
  }

  const owned = opened.move();
  return {
    ...{ stack, delays },
    [Symbol.asyncDispose]: () => owned.disposeAsync(),
  };
}

function killEngine(stack: Stack, worker: Worker): Promise<void> {
  process.kill(engineOf(stack, worker), "SIGKILL");
  return Promise.resolve();
}

/** ms from each engine's end to the next one that is ready, by the worker's own log. */
function loadTimes(stack: Stack): number[] {
  const times: number[] = [];
  let endedAt: number | undefined;
  for (const line of stack.output("inference").split("\n")) {
    const time = Number(/"time":(\d+)/.exec(line)?.[1]);
    if (line.includes("the engine's process ended")) endedAt = time;
    if (line.includes("the engine is ready") && endedAt !== undefined)
      times.push(time - endedAt);
  }
  return times;
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
  const body = { prompt: "hello", max_tokens: 8_000, ignore_eos: true };
  return String((await ask(stack, "/generate", body))["task_id"]);
}

/** The worker that runs the most. */
function busiest(
  stack: Stack,
  workers: readonly Worker[],
  starts: ReadonlyMap<string, Start[]>,
) {
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
