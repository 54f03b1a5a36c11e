/** A closed loop: each connection sends its next request when it has its answer. */
import { setTimeout as sleep } from "node:timers/promises";
import { openConnection, type Answer } from "./connection.ts";
import { percentiles, round } from "./figures.ts";

export interface Drive {
  port: number;
  connections: number;
  /** The i-th request; undefined: there is none left. */
  next: (i: number) => string | undefined;
  /** The status that counts as a success. */
  expect: number;
  seconds?: number;
  onAnswer?: (answer: Answer, i: number) => void;
}

/** A type and not an interface: it is a row of figures as well. */
export type Driven = {
  requests: number;
  errors: number;
  per_s: number;
  p50_ms: number;
  p99_ms: number;
  /** Of one core. */
  generator_cpu_share: number;
};

/** So that a system that is down is not asked at full speed. */
const AFTER_BROKEN_MS = 10;

export async function drive({
  port,
  connections,
  next,
  expect,
  seconds = Infinity,
  onAnswer,
}: Drive): Promise<Driven> {
  const latencies: number[] = [];
  let errors = 0;
  let sent = 0;
  const start = performance.now();
  const until = start + seconds * 1_000;
  const cpu = process.cpuUsage();

  async function loop() {
    const connection = openConnection(port);
    while (performance.now() < until) {
      const i = sent++;
      const request = next(i);
      if (request === undefined) break;
      const from = performance.now();
      const answer = await connection.send(request);
      latencies.push(performance.now() - from);
      if (answer.status !== expect) errors++;
      if (answer.status === 0) await sleep(AFTER_BROKEN_MS);
      onAnswer?.(answer, i);
    }
    connection.close();
  }
  await Promise.all(Array.from({ length: connections }, loop));

  const elapsed = (performance.now() - start) / 1_000;
  const { user, system } = process.cpuUsage(cpu);
  return {
    requests: latencies.length,
    errors,
    per_s: round((latencies.length - errors) / elapsed),
    ...percentiles(latencies),
    generator_cpu_share: round((user + system) / 1e6 / elapsed),
  };
}
