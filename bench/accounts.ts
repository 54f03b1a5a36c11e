/**
 * What a user for each service costs: accepts, drain, the time of one call that waits for its result, and CPU time per
 * task, of two systems in turns. The broker of one has accounts, that of the other lets in whoever comes.
 */
import { openConnection } from "./connection.ts";
import { median, medians, round, type Figures } from "./figures.ts";
import { cpuPerTask } from "./perPart.ts";
import { startSystem, submit, untilDone, type System } from "./system.ts";

const TASKS = 2_000;
const TURNS = 40;
const WARM_UP_TASKS = 5_000;
const SINGLES = 60;

type Row = Record<string, number>;

export async function accounts(): Promise<Figures> {
  await using opened = new AsyncDisposableStack();
  const common = { warmUp: WARM_UP_TASKS, natsVersion: "newest" } as const;
  const start = async (accounts: boolean) =>
    opened.use(await startSystem({ ...common, accounts }));
  const [off, on] = [await start(false), await start(true)];
  const rows: { off: Row; on: Row }[] = [];
  for (let turn = 0; turn < TURNS; turn++) {
    // Neither of them always comes first.
    const first = await measure(turn % 2 === 0 ? off : on);
    const second = await measure(turn % 2 === 0 ? on : off);
    rows.push(turn % 2 === 0 ? { off: first, on: second } : { off: second, on: first }); // prettier-ignore
  }
  const names = Object.keys(rows[0]?.on ?? {});
  const shareOf = (name: string) =>
    round(median(rows.map(({ off, on }) => (on[name] ?? NaN) / (off[name] ?? NaN)))); // prettier-ignore
  return {
    "accounts off": medians(rows.map((one) => one.off)),
    "accounts on": medians(rows.map((one) => one.on)),
    "accounts, on by off": Object.fromEntries(
      names.map((name) => [name, shareOf(name)]),
    ),
  };
}

async function measure(system: System): Promise<Row> {
  const before = system.usage();
  const began = performance.now();
  const { ids, driven } = await submit(system, TASKS);
  if (driven.errors > 0) throw new Error(`${driven.errors} were refused`);
  await untilDone(system, ids);
  const drained_per_s = (TASKS / (performance.now() - began)) * 1_000;
  const cpu = cpuPerTask(before, system.usage(), ids.length);
  return {
    ...cpu,
    ...{ accepts_per_s: driven.per_s, drained_per_s },
    visible_ms: await visibleMs(system),
  };
}

/** Of a call that waits for its result, the median. */
async function visibleMs(system: System): Promise<number> {
  const times: number[] = [];
  const connection = openConnection(system.port);
  for (let i = 0; i < SINGLES; i++) {
    const start = performance.now();
    const { status } = await connection.send(system.postAndWait);
    if (status !== 200) throw new Error(`answered ${status}, not 200`);
    times.push(performance.now() - start);
  }
  connection.close();
  return median(times);
}
