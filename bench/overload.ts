/**
 * Load beyond capacity, on the fake engine: how fast a gateway refuses what does not fit, and how soon it accepts again.
 * The generator runs on the same machine; how late it was itself is one of the figures.
 */
import { openConnection } from "./connection.ts";
import { percentiles, round, type Figures } from "./figures.ts";
import { offer, type Offered } from "./offer.ts";
import { mainThreadOf } from "./processes.ts";
import { startSystem, type System } from "./system.ts";

const SLOTS = 16;
const TASK_MS = 160;
/** Tasks a second, with all slots in use. */
const SUSTAINABLE = SLOTS / (TASK_MS / 1_000);
const TIMES = 10;
const SECONDS = 6;
const CONNECTIONS = 256;
const QUEUE = 100;
/** Far more than a gateway accepts. */
const FLOOD = 4_000;
const PER_MINUTE = 600;

interface Load extends Offered {
  /** What a call takes of the gateway's main thread. */
  gatewayUs: number;
  /** In each second: that thread could run, and others had the cores. */
  gatewayWaitedMs: number;
}

/** The engine is the bottleneck: the queue is full at once, and 9 of 10 requests are refused for that. */
async function fullQueue(): Promise<Figures> {
  await using system = await startSystem({
    env: { FAKE_MS: String(TASK_MS), MAX_QUEUE_DEPTH: String(QUEUE) },
    warmUp: 50,
  });
  const perSecond = TIMES * SUSTAINABLE;
  const offered = await load(system, perSecond);
  const accepted_after_ms = await untilAccepted(system);
  return {
    [`${TIMES} times what the engine can do, refused for MAX_QUEUE_DEPTH`]: {
      ...rowOf(offered, 503),
      accepted_after_ms,
    },
  };
}

/** The gateway is the bottleneck: more calls come than it could accept, and the key's limit refuses all but some. */
async function flood(): Promise<Figures> {
  await using system = await startSystem({
    env: { REQUESTS_PER_MINUTE: String(PER_MINUTE) },
    warmUp: 50,
  });
  const offered = await load(system, FLOOD);
  return {
    [`${FLOOD} calls a second, refused for REQUESTS_PER_MINUTE`]: rowOf(
      offered,
      429,
    ),
  };
}

export async function overload(): Promise<Figures> {
  return { ...(await fullQueue()), ...(await flood()) };
}

/** A second of it warms up. */
async function load(
  { port, post: request, stack }: System,
  perSecond: number,
): Promise<Load> {
  const all = { port, request, perSecond, connections: CONNECTIONS };
  await offer({ ...all, seconds: 1 });
  const pid = stack.pid("gateway");
  const before = mainThreadOf(pid);
  const offered = await offer({ ...all, seconds: SECONDS });
  const after = mainThreadOf(pid);
  const calls = perSecond * SECONDS;
  return {
    ...offered,
    gatewayUs: ((after.ranMs - before.ranMs) / calls) * 1_000,
    gatewayWaitedMs: (after.waitedMs - before.waitedMs) / SECONDS,
  };
}

function rowOf(offered: Load, refusal: 429 | 503) {
  const { byStatus, generatorLateMs, generatorCpuShare } = offered;
  const refused = byStatus.get(refusal) ?? [];
  const accepted = byStatus.get(202) ?? [];
  const others = [...byStatus].filter(
    ([status]) => status !== refusal && status !== 202,
  );
  if (others.length > 0)
    throw new Error(`answered ${others.map(([status]) => status).join()}`);
  return {
    accepted_per_s: round(accepted.length / SECONDS),
    refused_per_s: round(refused.length / SECONDS),
    ...percentiles(refused),
    gateway_us_a_call: round(offered.gatewayUs),
    gateway_waited_for_core_ms_per_s: round(offered.gatewayWaitedMs),
    generator_late_ms: generatorLateMs,
    generator_cpu_share: generatorCpuShare,
  };
}

/** Milliseconds from the end of the load until a single client's request is accepted. */
async function untilAccepted({ port, post }: System): Promise<number> {
  const connection = openConnection(port);
  const start = performance.now();
  while ((await connection.send(post)).status !== 202);
  connection.close();
  return round(performance.now() - start);
}
