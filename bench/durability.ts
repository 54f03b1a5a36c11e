/** What it costs on the whole path that an event survives more than a crash of the broker. */
import { openConnection } from "./connection.ts";
import { median, round, type Figures } from "./figures.ts";
import { startSystem, submit, untilDone, type System } from "./system.ts";

/** By what is survived: the death of a process, of the machine, the loss of a disk, and the last two. */
const ways = {
  process: {},
  machine: { durability: "machine" },
  "3 copies": { nodes: 3 },
  "3 copies, machine": { nodes: 3, durability: "machine" },
} as const;

/** In turns, so that what else the machine does hits all of them; each share is of the same round's first way. */
const ROUNDS = 8;
const ACCEPTS = 600;
const SINGLES = 40;

interface Round {
  acceptsPerS: number;
  visibleMs: number;
}

export async function durability(): Promise<Figures> {
  await using opened = new AsyncDisposableStack();
  const systems: System[] = [];
  for (const way of Object.values(ways))
    systems.push(
      opened.use(await startSystem({ ...way, natsVersion: "newest" })),
    );
  const rounds: Round[][] = [];
  for (let i = 0; i < ROUNDS; i++) {
    const round: Round[] = [];
    for (const system of systems) round.push(await measure(system));
    rounds.push(round);
  }
  return Object.fromEntries(
    Object.keys(ways).map((name, at) => [
      `durability: ${name}`,
      figuresOf(rounds, at),
    ]),
  );
}

async function measure(system: System): Promise<Round> {
  const visible: number[] = [];
  const connection = openConnection(system.port);
  for (let i = 0; i < SINGLES; i++) {
    const start = performance.now();
    const { status } = await connection.send(system.postAndWait);
    if (status !== 200) throw new Error(`answered ${status}, not 200`);
    visible.push(performance.now() - start);
  }
  connection.close();
  const { ids, driven } = await submit(system, ACCEPTS);
  if (driven.errors > 0) throw new Error(`${driven.errors} were refused`);
  await untilDone(system, ids);
  return { acceptsPerS: driven.per_s, visibleMs: median(visible) };
}

function figuresOf(rounds: readonly Round[][], at: number) {
  const each = (figure: (one: Round, first: Round) => number) =>
    round(
      median(
        rounds.flatMap((all) => {
          const [first, one] = [all[0], all[at]];
          return first && one ? [figure(one, first)] : [];
        }),
      ),
    );
  return {
    accepts_per_s: each((one) => one.acceptsPerS),
    accepts_share: each((one, first) => one.acceptsPerS / first.acceptsPerS),
    visible_ms: each((one) => one.visibleMs),
    visible_share: each((one, first) => one.visibleMs / first.visibleMs),
  };
}
