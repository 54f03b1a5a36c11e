/**
 * EVENTS' folder is put back to a copy from some seconds ago: what was accepted since is lost, and nothing may come of it
 * any more, although workers are about to finish it, and the stream of their text knows of no loss.
 */
import { eventually, redisPrefix } from "@jetscribe/testing";
import { cp, readdir, rm } from "node:fs/promises";
import { join } from "node:path";
import type { Fleet } from "./fleet.ts";
import type { Journal } from "./journal.ts";
import type { Load } from "./load.ts";
import type { Told } from "./told.ts";
import { makeLogReader } from "./readLog.ts";
import { tasksOf } from "./tasks.ts";
import { redisCommands } from "./wire/redis.ts";

/** So long that no renewal, at which a worker looks into the log, comes between the loss and the end of a task. */
export const restoreEnv = { ACK_WAIT: "60s" };
/** At 20 ms each: they end 2 to 9 s after their start, in a second of which the broker is away. */
const lostTokens = [100, 150, 200, 250, 300, 350, 400, 450];

async function untilIn(
  fleet: Fleet,
  { taskId = "" }: Told,
  what: "starts" | "outcomes",
): Promise<void> {
  const isThere = async () =>
    tasksOf(await makeLogReader(fleet).read()).get(taskId)?.[what].length;
  await eventually(isThere);
}

export async function restoreBroker(
  fleet: Fleet,
  load: Load,
  journal: Journal,
  {
    healthyWithinMs,
    withoutConsumers,
  }: {
    healthyWithinMs: number;
    /** The work queues, and what is acknowledged in them, don't come back. */
    withoutConsumers: boolean;
  },
): Promise<void> {
  const { nats } = fleet;
  const lost: Told[] = [];
  const finished = await load.more(8, 5);
  for (const told of finished) await untilIn(fleet, told, "outcomes");
  const end = journal.begin("restore-events", "nats");
  await nats.kill("SIGTERM");
  const folder = await eventsFolder(nats.dataDir);
  const copy = join(nats.dataDir, "EVENTS.copy");
  await cp(folder, copy, { recursive: true });
  await nats.restart();
  await fleet.healthy(healthyWithinMs);
  for (const tokens of lostTokens)
    for (const told of await load.more(1, tokens)) {
      told.lost = true;
      lost.push(told);
      await untilIn(fleet, told, "starts");
    }
  await nats.kill();
  await rm(folder, { recursive: true });
  await cp(copy, folder, { recursive: true });
  if (withoutConsumers)
    await rm(join(folder, "obs"), { recursive: true, force: true });
  await nats.restart();
  await fleet.healthy(healthyWithinMs);
  // Until then a projection of the old log may be read at a place that the new one has reached.
  await eventually(() => isForgotten(fleet, lost));
  end();
}

/** The stream's own: messages, and its consumers in `obs`. */
async function eventsFolder(dataDir: string): Promise<string> {
  const found = await readdir(dataDir, { recursive: true });
  const [path] = found.filter((one) => one.endsWith("/streams/EVENTS"));
  if (path === undefined) throw new Error(`no EVENTS in ${dataDir}`);
  return join(dataDir, path);
}

/** Whether the projection was made anew. */
async function isForgotten({ redis }: Fleet, lost: readonly Told[]) {
  const keys = lost.map(({ taskId }) => `${redisPrefix}task:${taskId}`);
  return (await redisCommands(redis.port, [["EXISTS", ...keys]]))[0] === 0;
}
