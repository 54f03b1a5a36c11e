/**
 * A submit by request and reply on NATS beside one by REST: CPU of all processes, in turns, and how long a caller waits
 * for a task's outcome. One system for both, on the fake engine.
 */
import { connectBroker, type Broker } from "@jetscribe/event-log/broker/connection"; // prettier-ignore
import { makeHeaders } from "@jetscribe/event-log/codec/headers";
import { brokerOf } from "@jetscribe/runtime";
import { openConnection } from "./connection.ts";
import { medians, percentiles, round, type Figures } from "./figures.ts";
import { cpuPerTask } from "./perPart.ts";
import { startSystem, submit, taskIdOf, untilDone, type System } from "./system.ts"; // prettier-ignore

const TASKS = 2_000;
const TURNS = 5;
const AT_ONCE = 64;
const WAITED = 300;
const TIMEOUT_MS = 20_000;

export async function natsApi(): Promise<Figures> {
  await using system = await startSystem({ callers: ["owner-0"] });
  const { plainNatsUrl: NATS_URL, accounts } = system.stack;
  const NATS_NKEY_FILE = accounts?.fileOfCaller("owner-0");
  await using caller = await connectBroker({
    ...brokerOf({ NATS_URL, NATS_NKEY_FILE }, "operator"),
    name: "bench",
  });
  const ways = {
    REST: async () => (await submit(system, TASKS)).ids,
    NATS: () => submitByNats(system, caller),
  };
  const costs = { REST: [], NATS: [] } as Record<keyof typeof ways, Record<string, number>[]>; // prettier-ignore
  await ways.NATS(); // warms up
  for (let turn = 0; turn < TURNS; turn++)
    for (const way of ["REST", "NATS"] as const)
      costs[way].push(await costOf(system, ways[way]));
  const [rest, nats] = [medians(costs.REST), medians(costs.NATS)];
  const ratio = Object.fromEntries(
    Object.entries(nats).map(([name, value]) => [name, round(value / rest[name]!)]), // prettier-ignore
  );
  return {
    "CPU per task, ms, and submits/s: by REST": rest,
    "CPU per task, ms, and submits/s: by NATS": nats,
    "by NATS, of that by REST": ratio,
    ...(await waits(system, caller)),
  };
}

async function costOf(
  system: System,
  submitAll: () => Promise<string[]>,
): Promise<Record<string, number>> {
  const before = system.usage();
  const start = performance.now();
  const ids = await submitAll();
  const perS = round(ids.length / ((performance.now() - start) / 1_000));
  if (ids.length < TASKS) throw new Error(`${ids.length} of ${TASKS} accepted`);
  await untilDone(system, ids);
  return { ...cpuPerTask(before, system.usage(), ids.length), per_s: perS };
}

const bodyOf = (request: string) => request.slice(request.indexOf("\r\n\r\n") + 4); // prettier-ignore

async function submitByNats(
  { post }: System,
  { nc, subjects }: Broker,
): Promise<string[]> {
  const [subject, body] = [subjects.api("generate", "owner-0"), bodyOf(post)];
  const ids: string[] = [];
  let sent = 0;
  async function loop() {
    while (sent++ < TASKS) {
      const answer = await nc.request(subject, body, { timeout: TIMEOUT_MS });
      ids.push(taskIdOf(answer.string()));
    }
  }
  await Promise.all(Array.from({ length: AT_ONCE }, loop));
  return ids;
}

/** One client, one task after the other: from before the submit until the outcome is there. */
async function waits(
  { port, post, postAndWait }: System,
  { nc, subjects }: Broker,
): Promise<Figures> {
  const connection = openConnection(port);
  const [subject, body] = [subjects.api("generate", "owner-0"), bodyOf(post)];
  const ways = {
    REST: () => connection.send(postAndWait),
    NATS: () => nc.request(subject, body, { timeout: TIMEOUT_MS, headers: makeHeaders("Prefer: wait=10\r\n") }), // prettier-ignore
  };
  const took = { REST: [] as number[], NATS: [] as number[] };
  for (let i = 0; i < WAITED; i++)
    for (const way of ["REST", "NATS"] as const) {
      const start = performance.now();
      await ways[way]();
      took[way].push(performance.now() - start);
    }
  connection.close();
  return {
    "submit to outcome, Prefer: wait, by REST": percentiles(took.REST),
    "submit to outcome, Prefer: wait, by NATS": percentiles(took.NATS),
  };
}
