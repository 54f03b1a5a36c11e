/** How fast `jetscribe replay` writes a log, beside a reader that only counts the same events, each in a process of its own. */
import { makeAppender } from "@jetscribe/event-log/append/append";
import { connectBroker } from "@jetscribe/event-log/broker/connection";
import { ensureTopology } from "@jetscribe/event-log/streams/topology";
import { settings } from "@jetscribe/event-log/test/eventLogTestKit";
import { startNats } from "@jetscribe/testing";
import { spawn } from "node:child_process";
import { once } from "node:events";
import { join } from "node:path";
import { median, round, type Figures, type Options } from "./figures.ts";
import { fillLog } from "./fillLog.ts";
import { usageOf } from "./processes.ts";

/** Times the number of tasks; each has three events. */
const MANY = 60;
/** Of each: one after the other, in turns. */
const ROUNDS = 5;
const LOOK_EVERY_MS = 50;
const programs = {
  replay: ["../packages/cli/src/main.ts", "replay"],
  bare: ["bareReader.ts"],
};

export async function replay({ tasks }: Options): Promise<Figures> {
  await using nats = await startNats({ version: "newest" });
  await using broker = await connectBroker({ url: nats.url, name: "bench" });
  await ensureTopology(broker, { ...settings, eventsMaxBytes: 20 * 2 ** 30 });
  using appender = makeAppender(broker, "bench");
  const events = 3 * (await fillLog(appender, MANY * tasks)).length;
  const runs: Record<keyof typeof programs, Run[]> = { replay: [], bare: [] };
  for (let i = 0; i < ROUNDS; i++)
    for (const name of ["bare", "replay"] as const)
      runs[name].push(await runOnce(programs[name], nats.url));
  const of = (name: keyof typeof programs, figure: keyof Run) =>
    median(runs[name].map((run) => run[figure]));
  const shares = runs.replay.map(({ ms }, i) => (runs.bare[i]?.ms ?? NaN) / ms);
  return {
    [`replay of ${events.toLocaleString("en")} events`]: {
      events_per_s: round(events / (of("replay", "ms") / 1_000)),
      bare_reader_per_s: round(events / (of("bare", "ms") / 1_000)),
      share: round(median(shares)),
      cpu_us: round((1_000 * of("replay", "cpuMs")) / events),
      bare_cpu_us: round((1_000 * of("bare", "cpuMs")) / events),
      resident_mb: round(of("replay", "resident") / 1e6),
    },
  };
}

interface Run {
  ms: number;
  cpuMs: number;
  /** The most that was seen. */
  resident: number;
}

/** The whole life of the process, its start included. */
async function runOnce([file = "", ...args]: string[], url: string) {
  const begin = performance.now();
  const child = spawn(
    process.execPath,
    ["--max-semi-space-size=4", join(import.meta.dirname, file), ...args],
    {
      env: { ...process.env, NATS_URL: url },
      stdio: ["ignore", "ignore", "inherit"],
    },
  );
  let [cpuMs, resident] = [0, 0];
  const looking = setInterval(() => {
    const { run } = usageOf({ run: child.pid });
    cpuMs = Math.max(cpuMs, run.cpuMs);
    resident = Math.max(resident, run.resident);
  }, LOOK_EVERY_MS);
  await once(child, "exit");
  clearInterval(looking);
  if (child.exitCode !== 0) throw new Error(`${file} ended as a failure`);
  return { ms: performance.now() - begin, cpuMs, resident };
}
