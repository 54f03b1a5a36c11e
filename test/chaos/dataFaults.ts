/** What is stored is lost: all of Redis, the task index, work queues. */
import { rm } from "node:fs/promises";
import { connectWitness, type Witnessed } from "./connectWitness.ts";
import type { Fault } from "./fault.ts";
import type { Fleet } from "./fleet.ts";
import type { Member } from "./member.ts";
import { redisCommands } from "./wire/redis.ts";

/** Each of them can be done to a system that runs. */
export function dataFaults(fleet: Fleet): Fault[] {
  const { redis, indexDir } = fleet;
  return [
    ...(indexDir === undefined
      ? []
      : fleet.of("results").map((one) => loseIndex(one, indexDir))),
    {
      name: "empty-redis",
      target: "redis",
      run: async () => void (await redisCommands(redis.port, [["FLUSHALL"]])),
    },
    {
      name: "delete-queue",
      target: "nats",
      run: (random) => deleteQueues(fleet, (all) => [random.pick(all)]),
    },
    {
      name: "lose-queues",
      target: "nats",
      run: () => deleteQueues(fleet, (all) => all),
    },
  ];
}

/** A results service dies, and finds nothing of its index when it comes back. */
const loseIndex = (results: Member, dir: string): Fault => ({
  name: "lose-index",
  target: results.name,
  async run() {
    await results.crash();
    // What another service has open goes on to work, until it is opened again.
    await rm(dir, { recursive: true, force: true });
    results.start();
  },
});

async function deleteQueues(
  fleet: Witnessed,
  choose: (all: string[]) => readonly string[],
): Promise<void> {
  using broker = await connectWitness(fleet);
  const { consumers } = await broker.request("$JS.API.CONSUMER.NAMES.EVENTS");
  const queues = ((consumers ?? []) as string[]).filter((name) =>
    name.startsWith("infer="),
  );
  if (queues.length === 0) return;
  for (const name of choose(queues))
    await broker.request(`$JS.API.CONSUMER.DELETE.EVENTS.${name}`);
}
