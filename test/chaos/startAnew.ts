/** In the end: everything but the log and the keys is lost, and what is made of them has to be what it was. */
import { rm } from "node:fs/promises";
import { readProjection, type Projection } from "./evidence.ts";
import type { Fleet } from "./fleet.ts";
import type { Journal } from "./journal.ts";
import type { Tenants } from "./tenants.ts";
import type { ListWalks } from "./walkLists.ts";
import { redisCommands } from "./wire/redis.ts";

/** Gives the projection as it was before. `heal`: false where the system does not come to rest. */
export async function startAnew(
  fleet: Fleet,
  journal: Journal,
  { lists, tenants }: { lists: ListWalks; tenants: Tenants },
  heal: () => Promise<boolean>,
): Promise<Projection> {
  await tenants.callRoll("in the end");
  await tenants.inherit();
  await lists.walkAll("in the end");
  const before = await readProjection(fleet.redis.port);
  await loseAll(fleet, journal);
  if (await heal()) {
    await tenants.callRoll("started anew");
    await lists.walkAll("started anew");
  }
  return before;
}

/** Redis' data, the task index, and what the gateways have in memory. */
async function loseAll(fleet: Fleet, journal: Journal): Promise<void> {
  const { redis, indexDir } = fleet;
  const members = [...fleet.of("results"), ...fleet.of("gateway")];
  const ends = members.map(({ service, name }) =>
    journal.begin(`kill-${service}`, name),
  );
  await Promise.all(members.map((one) => one.crash()));
  await redisCommands(redis.port, [["FLUSHALL"]]);
  if (indexDir !== undefined)
    await rm(indexDir, { recursive: true, force: true });
  for (const one of members) one.start();
  for (const end of ends) end();
}
