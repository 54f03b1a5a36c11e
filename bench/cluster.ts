/** What a NATS cluster of three makes of many owners, and how long the death of a node is felt. */
import { connectBroker } from "@jetscribe/event-log/broker/connection";
import {
  ensureTopology,
  ensureWorkQueue,
} from "@jetscribe/event-log/streams/topology";
import { startNatsCluster, type NatsCluster } from "@jetscribe/testing";
import { setTimeout as sleep } from "node:timers/promises";
import { openConnection } from "./connection.ts";
import { round, type Figures } from "./figures.ts";
import { usageOf } from "./processes.ts";
import { startSystem, type System } from "./system.ts";

const OWNERS = [0, 100, 200, 400];
const SETTLE_MS = 3_000;
const IDLE_S = 10;
const ACK_WAIT_MS = 15_000;
const TRY_EVERY_MS = 50;

const topology = {
  eventsMaxBytes: 2 ** 30,
  taskTimeoutMs: 300_000,
  ...{ auditMaxAgeMs: 3_600_000, auditMaxBytes: 2 ** 24 },
  replicas: 3,
};

export async function cluster(): Promise<Figures> {
  return { ...(await owners()), ...(await nodeDeath()) };
}

/** Work queues made one after the other, and what all of them cost at rest: of the three servers together, in shares of a core. */
async function owners(): Promise<Figures> {
  await using nodes = await startNatsCluster({ version: "newest" });
  const { url } = nodes;
  await using broker = await connectBroker({ url, name: "bench" });
  await ensureTopology(broker, topology);
  const figures: Figures = {};
  let made = 0;
  for (const count of OWNERS) {
    const before = made;
    const start = performance.now();
    for (; made < count; made++) {
      const owner = `owner-${made}`;
      const queue = { model: "demo", lane: "interactive", owner } as const;
      await ensureWorkQueue(broker, queue, { ackWaitMs: ACK_WAIT_MS });
    }
    const seconds = (performance.now() - start) / 1_000;
    await sleep(SETTLE_MS);
    figures[`3 copies, ${count} owners`] = {
      ...(made > before && { made_per_s: round((made - before) / seconds) }),
      ...(await atRest(nodes)),
    };
  }
  return figures;
}

async function atRest({ nodes }: NatsCluster) {
  const used = () => {
    const pids = nodes.map(({ pid }, i) => [`node-${i}`, pid] as const);
    return Object.values(usageOf(Object.fromEntries(pids)));
  };
  const sum = (of: number[]) => of.reduce((total, one) => total + one, 0);
  const before = sum(used().map(({ cpuMs }) => cpuMs));
  await sleep(IDLE_S * 1_000);
  const after = used();
  const cpuMs = sum(after.map(({ cpuMs }) => cpuMs)) - before;
  const bytes = sum(after.map(({ resident }) => resident));
  return {
    idle_cpu_share: round(cpuMs / 1_000 / IDLE_S),
    resident_MiB: round(bytes / 2 ** 20),
  };
}

/** Each node is killed in turn and comes back: from its death to the next 202, and to the next result in hand. */
async function nodeDeath(): Promise<Figures> {
  await using system = await startSystem({ nodes: 3, natsVersion: "newest" });
  const { cluster } = system.stack;
  const figures: Figures = {};
  for (const [i, node] of (cluster?.nodes ?? []).entries()) {
    await node.kill();
    const died = performance.now();
    const [accepted_s, result_s] = await Promise.all([
      untilAnswered(system, system.post, 202, died),
      untilAnswered(system, system.postAndWait, 200, died),
    ]);
    figures[`node ${i} of 3 dies`] = { accepted_s, result_s };
    await node.restart();
    await cluster?.whole();
  }
  return figures;
}

/** Seconds since the node died. */
async function untilAnswered(
  { port }: System,
  request: string,
  expect: number,
  since: number,
): Promise<number> {
  const connection = openConnection(port);
  try {
    while ((await connection.send(request)).status !== expect)
      await sleep(TRY_EVERY_MS);
  } finally {
    connection.close();
  }
  return round((performance.now() - since) / 1_000);
}
