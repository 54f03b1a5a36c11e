/** How wrong the estimated waits are, as `/health` says it: all kinds of tasks on the fake engine, which takes its time. */
import { makeRandom, startStack, type Stack } from "@jetscribe/testing";
import { setTimeout as sleep } from "node:timers/promises";
import { ask } from "./ask.ts";
import { round, type Figures } from "./figures.ts";

const TASKS = 200;
/** Those that wait before the worker's speed is known have no estimate. */
const WARM_UP_TASKS = 40;
const SLOTS = 4;
const MS_PER_TOKEN = 2;
const MOST_TOKENS = 200;
/** About half of the time that they take. */
const ARRIVING_S = 5;
/** One of so many is in the batch lane. */
const BATCH = 1 / 5;
/** How many tokens an owner's tasks have: the fewest and the most. */
const owners = {
  short: [10, 60],
  mixed: [10, MOST_TOKENS],
  long: [100, MOST_TOKENS],
} as const;
type Owner = keyof typeof owners;
const names = Object.keys(owners) as Owner[];

interface Task {
  owner: Owner;
  tokens: number;
  lane: "interactive" | "batch";
}

/** The median and the 90th percentile, in percent of the real waits. */
export async function estimate(): Promise<Figures> {
  return {
    [`estimated wait, ${TASKS} mixed tasks at once`]: await errorsOver(0),
    [`estimated wait, ${TASKS} mixed tasks within ${ARRIVING_S} s`]:
      await errorsOver(ARRIVING_S * 1_000),
  };
}

async function errorsOver(ms: number): Promise<Record<string, number>> {
  await using stack = await startStack({
    env: {
      ...{ ENGINE: "fake", SLOTS: String(SLOTS), LOG_LEVEL: "info" },
      FAKE_MS: String(MOST_TOKENS * MS_PER_TOKEN),
      FAKE_TOKENS: String(MOST_TOKENS),
      API_KEYS: names.map((name) => `${name}:${name}`).join(),
    },
  });
  await warmUp(stack);
  const finished = mixedTasks(TASKS, 1).map(async (task, i) => {
    await sleep((i * ms) / TASKS);
    await finish(stack, task);
  });
  await Promise.all(finished);
  const { wait_error } = await ask(stack, "/health");
  const { median, p90, tasks } = wait_error as Record<string, number>;
  return {
    median_error_pct: round((median ?? NaN) * 100),
    p90_error_pct: round((p90 ?? NaN) * 100),
    tasks: tasks ?? NaN,
  };
}

function mixedTasks(count: number, seed: number): Task[] {
  const random = makeRandom(seed);
  return Array.from({ length: count }, () => {
    const owner = random.pick(names);
    const [fewest, most] = owners[owner];
    const tokens = random.int(fewest, most);
    return { owner, tokens, lane: random.chance(BATCH) ? "batch" : "interactive" }; // prettier-ignore
  });
}

/** As of a system that has run for a while: what each owner's tasks usually take is known, and the worker's speed. */
async function warmUp(stack: Stack): Promise<void> {
  const tasks = mixedTasks(WARM_UP_TASKS, 2);
  await Promise.all(tasks.map((task) => finish(stack, task)));
  for (;;) {
    const { workers } = await ask(stack, "/health");
    const [worker] = workers as Record<string, unknown>[];
    if (worker?.["tokens_per_second"] !== undefined) return;
    await sleep(100);
  }
}

async function finish({ url }: Stack, { owner, tokens, lane }: Task) {
  const caller = { url, key: owner };
  const request = { prompt: "p", max_tokens: tokens, lane, ignore_eos: true };
  const { task_id } = await ask(caller, "/generate", request);
  const path = `/result/${String(task_id)}?wait=120`;
  const { status } = await ask(caller, path);
  if (status !== "completed") throw new Error(`${path}: ${String(status)}`);
}
