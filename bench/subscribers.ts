/** What subscribers cost the broker: an account and a durable consumer each, of an owner each. */
import {
  openAccounts,
  type Accounts,
} from "@jetscribe/event-log/test/subscribersTestKit";
import { requestedBy } from "@jetscribe/event-log/test/eventLogTestKit";
import { queue } from "@jetscribe/schema/test/taskEventsTestKit";
import { setTimeout as sleep } from "node:timers/promises";
import { median, round, type Figures } from "./figures.ts";
import { usageOf } from "./processes.ts";

const MANY = 1_000;
const EVENTS = 10_000;
const IN_FLIGHT = 256;
const TURNS = 5;
const IDLE_MS = 5_000;
const SETTLE_MS = 2_000;
const MB = 1e6;

/** A broker with none and one with many, measured in turns. */
export async function subscribers(): Promise<Figures> {
  await using none = await openAccounts({});
  const start = performance.now();
  await using many = await openAccounts(
    {},
    ...Array.from({ length: MANY }, (_, i) => ({
      ...{ name: `s${i}`, owner: `o${i}`, types: ["requested" as const] },
    })),
  );
  const openMs = performance.now() - start;
  const brokers = { none, many };
  await sleep(SETTLE_MS);
  const resident = Object.values(brokers).map((one) => usage(one).resident);
  const idle = await idleShares(Object.values(brokers));
  const rates: Record<keyof typeof brokers, number[]> = { none: [], many: [] };
  for (let turn = 0; turn < TURNS; turn++)
    for (const name of ["none", "many"] as const)
      rates[name].push(await appendAll(brokers[name]));
  const [less = 0, more = 0] = resident;
  const reloads = performance.now();
  await many.add({ name: "one-more", types: ["failed"] });
  return {
    [`${MANY} subscribers, one server`]: {
      start_s: round(openMs / 1_000),
      resident_mb: round(more / MB),
      resident_mb_without: round(less / MB),
      kb_each: round((more - less) / MANY / 1_000),
      idle_cpu_share: round(idle[1] ?? 0),
      idle_cpu_share_without: round(idle[0] ?? 0),
      add_one_ms: round(performance.now() - reloads),
    },
    "events appended per second": {
      without: round(median(rates.none)),
      with: round(median(rates.many)),
      ratio: round(median(rates.many) / median(rates.none)),
    },
  };
}

const usage = ({ nats }: Accounts) => usageOf({ nats: nats.pid }).nats;

/** Of one core, while nothing happens. */
async function idleShares(all: readonly Accounts[]): Promise<number[]> {
  const before = all.map((one) => usage(one).cpuMs);
  await sleep(IDLE_MS);
  return all.map((one, i) => (usage(one).cpuMs - (before[i] ?? 0)) / IDLE_MS);
}

/** Requests of owners in turn, so many at once; per second. */
async function appendAll({ appender }: Accounts): Promise<number> {
  const start = performance.now();
  let next = 0;
  const writer = async () => {
    while (next < EVENTS) {
      const of = { ...queue, owner: `o${next++ % MANY}` };
      await appender.append(requestedBy(of), of);
    }
  };
  await Promise.all(Array.from({ length: IN_FLIGHT }, writer));
  return EVENTS / ((performance.now() - start) / 1_000);
}
