/**
 * What a task costs more that uses a feature of the API: CPU time of all processes, in turns with tasks that use none. One
 * system for all of them, on the fake engine.
 */
import { medians, round, type Figures } from "./figures.ts";
import { cpuPerTask } from "./perPart.ts";
import { startSystem, submit, untilDone, type System } from "./system.ts";

const TASKS = 2_000;
const TURNS = 5;
const GROUPS = 16;
const GROUP_CONCURRENCY = 4;

/** What the i-th of the calls says beside the prompt: fields, header lines, and a key of its own. */
type Asked = (i: number) => { fields?: object; head?: string; key?: string };

const features: Record<string, Asked> = {
  "idempotency key": (i) => ({
    head: `Idempotency-Key: ${Date.now()}-${i}\r\n`,
  }),
  "user and four pairs of metadata": (i) => ({
    fields: {
      user_id: `user-${i % 100}`,
      metadata: { order: `A-${i}`, team: "billing", region: "eu", step: "3" },
    },
  }),
  "deadline and time to live": () => ({
    fields: { cancel_after_ms: 600_000, result_ttl_ms: 3_600_000 },
  }),
  "not_before, a second ahead": () => ({
    fields: { not_before: Date.now() / 1_000 + 1 },
  }),
  "one of 16 groups, four at once": (i) => ({
    fields: {
      group: `group-${i % GROUPS}`,
      group_concurrency: GROUP_CONCURRENCY,
    },
  }),
};

export async function featureCosts(): Promise<Figures> {
  await using system = await startSystem();
  const limited = await makeLimitedKey(system);
  const asked: Record<string, Asked> = {
    ...features,
    "a key with limits": () => ({ key: limited }),
  };
  const costs = new Map<string, Record<string, number>[]>();
  const plain: Record<string, number>[] = [];
  for (let turn = 0; turn < TURNS; turn++)
    for (const [name, of] of Object.entries(asked)) {
      plain.push(await cpuOf(system, () => ({})));
      const measured = await cpuOf(system, of);
      costs.set(name, [...(costs.get(name) ?? []), measured]);
    }
  const none = medians(plain);
  const rows = [...costs].map(([name, measured]) => {
    const cost = medians(measured);
    const more = round(cost["all"]! / none["all"]! - 1);
    return [`CPU per task, ms: ${name}`, { more, ...cost }] as const;
  });
  return { "CPU per task, ms: no feature": none, ...Object.fromEntries(rows) };
}

/** Milliseconds a task, of each process and of all. */
async function cpuOf(
  system: System,
  asked: Asked,
): Promise<Record<string, number>> {
  const posts = Array.from({ length: TASKS }, (_, i) => {
    const { fields, head, key } = asked(i);
    return system.postOf(fields, head, key);
  });
  const before = system.usage();
  const { ids } = await submit({ ...system, posts }, TASKS);
  if (ids.length < TASKS) throw new Error(`${ids.length} of ${TASKS} accepted`);
  await untilDone(system, ids);
  return cpuPerTask(before, system.usage(), ids.length);
}

/** Another key of the system's owner, with limits of every kind that it never reaches. */
async function makeLimitedKey({ stack }: System): Promise<string> {
  const response = await fetch(`${stack.url}/admin/keys`, {
    method: "POST",
    headers: { "x-api-key": "owner-0", "content-type": "application/json" },
    body: JSON.stringify({
      ...{ name: "owner-0", rotate: true },
      limits: {
        requests_per_minute: 1e9,
        tokens_per_day: 1e12,
        max_tasks: 1e6,
      },
    }),
  });
  if (response.status !== 201)
    throw new Error(`no key with limits: ${await response.text()}`);
  return ((await response.json()) as { key: string }).key;
}
