/** An open loop: requests are due at a steady rate, whatever becomes of those before them. */
import { setTimeout as sleep } from "node:timers/promises";
import { openConnection, type Answer, type Connection } from "./connection.ts";
import { round } from "./figures.ts";

export interface Offer {
  port: number;
  request: string;
  perSecond: number;
  seconds: number;
  /** A request that finds no free one waits for one, and its time counts from when it was due. */
  connections: number;
}

export interface Offered {
  /** Of each status, in ms from when the request was due. */
  byStatus: Map<number, number[]>;
  /** How late the generator itself was at worst, in ms: what it says of others is wrong by as much. */
  generatorLateMs: number;
  /** Of one core. */
  generatorCpuShare: number;
}

const tickMs = 2;

export async function offer({
  port,
  request,
  perSecond,
  seconds,
  connections,
}: Offer): Promise<Offered> {
  const byStatus = new Map<number, number[]>();
  const free: Connection[] = Array.from({ length: connections }, () =>
    openConnection(port),
  );
  const waiting: number[] = [];
  const total = Math.round(perSecond * seconds);
  let [sent, answered, generatorLateMs] = [0, 0, 0];
  const { promise: all, resolve: done } = Promise.withResolvers<void>();
  const cpu = process.cpuUsage();
  const start = performance.now();

  function take({ status }: Answer, due: number, connection: Connection) {
    const times = byStatus.get(status) ?? [];
    byStatus.set(status, times);
    times.push(performance.now() - due);
    const next = waiting.shift();
    if (next === undefined) free.push(connection);
    else send(connection, next);
    if (++answered === total) done();
  }

  function send(connection: Connection, due: number) {
    void connection
      .send(request)
      .then((answer) => take(answer, due, connection));
  }

  while (sent < total) {
    const now = performance.now();
    for (; sent < total; sent++) {
      const due = start + (sent / perSecond) * 1_000;
      if (due > now) break;
      generatorLateMs = Math.max(generatorLateMs, now - due - tickMs);
      const connection = free.pop();
      if (connection === undefined) waiting.push(due);
      else send(connection, due);
    }
    await sleep(tickMs);
  }
  await all;
  const elapsedMs = performance.now() - start;
  const { user, system } = process.cpuUsage(cpu);
  for (const connection of free) connection.close();
  return {
    byStatus,
    generatorLateMs: round(generatorLateMs),
    generatorCpuShare: round((user + system) / 1_000 / elapsedMs),
  };
}
