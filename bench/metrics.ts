/** What the metrics cost: a task, a call, and a scrape of systems in which few or many owners' tasks wait. */
import { makeMetrics } from "@jetscribe/runtime/metrics";
import { newTaskId, type TaskState } from "@jetscribe/schema";
import {
  completed,
  metrics as usual,
  requested,
  started,
} from "@jetscribe/schema/test/taskEventsTestKit";
import { setTimeout as sleep } from "node:timers/promises";
import { makeCallCounts } from "../services/gateway/src/metrics/callCounts.ts";
import { makeTaskMetrics } from "../services/results/src/metrics/taskMetrics.ts";
import { projectTasks } from "../services/results/src/projection/projectTasks.ts";
import { median, round, type Figures } from "./figures.ts";
import { perPart } from "./perPart.ts";
import { startSystem, submit, type System } from "./system.ts";

const TURNS = 7;
const BATCHES = 200;
const TASKS_A_BATCH = 100;
const CALLS = 1_000_000;
const SCRAPES = 20;
/** The gateway looks at the system once a second. */
const SCRAPE_EVERY_MS = 1_050;

export async function metrics(): Promise<Figures> {
  return {
    "metrics, CPU in µs": {
      "for a task, of results": median(turns(costOfTask)),
      "for a call, of the gateway": median(turns(costOfCall)),
    },
    "a scrape, 1 owner waits, CPU in ms": await costOfScrape(1),
    "a scrape, 1,000 owners wait, CPU in ms": await costOfScrape(1_000),
  };
}

const turns = (measure: () => number) => Array.from({ length: TURNS }, measure);

/** CPU of this process in µs. */
function cpuOf(work: () => void): number {
  const before = process.cpuUsage();
  work();
  const { user, system } = process.cpuUsage(before);
  return user + system;
}

/** Batches of whole lives, with a caller's trace each. */
function costOfTask(): number {
  const { note } = makeTaskMetrics(makeMetrics());
  const before = new Map<string, TaskState | undefined>();
  const traceparent = "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01";
  const batches = Array.from({ length: BATCHES }, () => {
    const events = Array.from({ length: TASKS_A_BATCH }, lifeOf).flat();
    const numbered = events.map((event, i) => ({ ...event, seq: i, time: i }));
    return {
      events: numbered,
      changes: projectTasks(before, numbered),
      messages: numbered.map(({ seq }) => ({ seq, header: () => traceparent })),
    };
  });
  const cpu = cpuOf(() => batches.forEach(note));
  return round(cpu / BATCHES / TASKS_A_BATCH);
}

function lifeOf() {
  const id = newTaskId();
  const metrics = { ...usual, time_to_first_token: 1 };
  return [requested(id), started(id), completed(id, 1, { metrics })];
}

function costOfCall(): number {
  const { of } = makeCallCounts();
  const result = of("/result/:task_id");
  const status = of("/status/:task_id");
  const cpu = cpuOf(() => {
    for (let i = 0; i < CALLS; i++) (i % 2 ? result : status)("GET", 200);
  });
  return round(cpu / CALLS);
}

/** More than the system takes in the same time without scrapes. */
async function costOfScrape(owners: number): Promise<Record<string, number>> {
  await using system = await startSystem({ busy: true, owners });
  await submit(system, owners);
  await scrape(system);
  const idle = await cpuDuring(system, () => Promise.resolve());
  const scraped = await cpuDuring(system, () => scrape(system));
  return perPart((part) => round((scraped[part] - idle[part]) / SCRAPES));
}

async function cpuDuring(system: System, work: () => Promise<void>) {
  const before = system.usage();
  for (let i = 0; i < SCRAPES; i++) {
    await work();
    await sleep(SCRAPE_EVERY_MS);
  }
  const after = system.usage();
  const parts = Object.entries(after) as [
    keyof typeof after,
    { cpuMs: number },
  ][];
  return Object.fromEntries(
    parts.map(([part, { cpuMs }]) => [part, cpuMs - before[part].cpuMs]),
  ) as Record<keyof typeof after, number>;
}

async function scrape({ stack }: System): Promise<void> {
  const response = await fetch(`${stack.url}/metrics`, {
    headers: { "x-api-key": "owner-0" },
  });
  const text = await response.text();
  if (!text.includes("jetscribe_tasks_waiting{"))
    throw new Error(`a scrape lacks what waits: ${text.slice(0, 200)}`);
}
