/** From the seed: one fault after the other, in two rows, until the time is over. */
import { setTimeout as sleep } from "node:timers/promises";
import type { Fault } from "./fault.ts";
import type { Journal } from "./journal.ts";
import type { Random } from "@jetscribe/testing";

const rows = 2;

/** Resolves when the time is over and every fault has healed. */
export async function strike(
  faults: readonly Fault[],
  random: Random,
  journal: Journal,
  { forMs, pauseMs }: { forMs: number; pauseMs: number },
): Promise<void> {
  const until = performance.now() + forMs;
  const busy = new Set<string>();

  async function row(random: Random): Promise<void> {
    while (performance.now() < until) {
      await sleep(random.int(0, 2 * pauseMs));
      const idle = faults.filter(({ target }) => !busy.has(target));
      if (performance.now() >= until || idle.length === 0) continue;
      await hit(random.pick(evenly(idle, random)), random);
    }
  }

  async function hit(fault: Fault, random: Random): Promise<void> {
    const { name, target, worker } = fault;
    busy.add(target);
    const end = journal.begin(name, target, worker?.workerId);
    try {
      await fault.run(random);
    } finally {
      end();
      busy.delete(target);
    }
  }

  if (faults.length === 0) return await sleep(forMs);
  await Promise.all(
    Array.from({ length: rows }, (_, i) => row(random.fork(i))),
  );
}

/** The faults of one name: each kind is as likely as any other, however many processes it can hit. */
function evenly(faults: readonly Fault[], random: Random): Fault[] {
  const name = random.pick([...new Set(faults.map(({ name }) => name))]);
  return faults.filter((fault) => fault.name === name);
}
