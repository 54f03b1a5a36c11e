/** The containers as the chaos harness sees a system: how it is reached, and what can be done to it. */
import { readHealth } from "../../scripts/system/health.ts";
import { inboxPrefixOf } from "@jetscribe/event-log/accounts/roles";
import { eventually, freePort, type Random } from "@jetscribe/testing";
import { randomUUID } from "node:crypto";
import { setTimeout as sleep } from "node:timers/promises";
import type { Fault } from "../chaos/fault.ts";
import { settings, type Fleet } from "../chaos/fleet.ts";
import type { Member } from "../chaos/member.ts";
import type { Login } from "../chaos/wire/nats.ts";
import { makeComposeStack, type ComposeStack } from "./composeStack.ts";
import { docker, inspect } from "./shell.ts";

export interface DockerFleet {
  fleet: Fleet;
  faults: Fault[];
  remove: () => Promise<void>;
}

const services = [
  ...["nats", "redis", "gateway", "inference", "results", "logger"],
  "webhooks",
];

export async function startDockerFleet(): Promise<DockerFleet> {
  const stack = await makeComposeStack(settings);
  try {
    return await startIn(stack);
  } catch (error) {
    await stack.remove();
    throw error;
  }
}

async function startIn(stack: ComposeStack): Promise<DockerFleet> {
  const [natsPort, redisPort] = [await freePort(), await freePort()];
  await stack.override(openServers(natsPort, redisPort));
  await stack.up();
  const containers = await Promise.all(
    services.map(async (service) =>
      makeContainer(service, await stack.container(service)),
    ),
  );
  for (const { learnWorker } of containers) await learnWorker();
  const login = await loginOf(stack);
  const ownEnds: string[] = [];
  const fleet = {
    ...{ url: stack.url, key: stack.key, logDir: stack.logDir },
    ...{ owners: { default: stack.key }, models: ["demo"] },
    ...{ nats: { port: natsPort }, redis: { port: redisPort }, login },
    // There are none among this machine's processes.
    ...{ members: [], of: () => [], mark: randomUUID(), ownEnds },
    async healthy(timeoutMs: number) {
      const isHealthy = async () => (await readHealth(stack.url))?.healthy;
      await eventually(isHealthy, { timeoutMs });
      for (const { service, ends } of containers)
        if ((await ends()) > 0) ownEnds.push(service);
    },
  } as unknown as Fleet;
  const faults = containers.flatMap(({ faults }) => faults);
  return { fleet, faults, remove: stack.remove };
}

/** Of the operator, who may read everything. Its seed is in a volume that the container `streams` sees. */
async function loginOf({ compose }: ComposeStack): Promise<Login> {
  const inStreams = ["run", "--rm", "--no-deps", "-T", "streams"];
  const seed = await compose(...inStreams, "cat", "/run/credentials/seed.nk");
  return { seed, inboxPrefix: inboxPrefixOf("operator") };
}

/** The harness reads the log and Redis; nothing else of the system is changed. */
function openServers(natsPort: number, redisPort: number): string {
  const open = (port: number, inner: number) => ({
    ports: [`127.0.0.1:${port}:${inner}`],
    networks: ["inner", "edge"],
  });
  const services = { nats: open(natsPort, 4222), redis: open(redisPort, 6379) };
  return JSON.stringify({ services });
}

function makeContainer(service: string, id: string) {
  let workerId: string | undefined;
  const worker = {
    get workerId() {
      return workerId;
    },
  } as Member;
  const ends = async () => Number(await inspect(id, "{{.RestartCount}}"));

  /** The name that the worker in it has now; another one than before. */
  async function learnWorker(): Promise<void> {
    if (service !== "inference") return;
    const before = workerId;
    workerId = await eventually(
      async () => {
        const said = await docker("logs", id);
        const names = [...said.matchAll(/"worker_id":"([^"]+)".*"worker joined"/g)]; // prettier-ignore
        const name = names.at(-1)?.[1];
        return name !== before && name;
      },
      // It starts while its servers are struck too, and may take as long as `up` waits.
      { everyMs: 200, timeoutMs: 240_000 },
    );
  }

  const common = {
    target: service,
    ...(service === "inference" && { worker }),
  };
  const faults: Fault[] = [
    {
      ...common,
      name: `kill-${service}`,
      async run(random: Random) {
        await docker("kill", id);
        await sleep(random.int(0, 2_000));
        await docker("start", id);
        await learnWorker();
      },
    },
    {
      ...common,
      name: `stop-${service}`,
      async run() {
        await docker("restart", id);
        await learnWorker();
      },
    },
    {
      ...common,
      name: `freeze-${service}`,
      async run(random: Random) {
        await freeze(id);
        await sleep(random.int(3_500, 7_000));
        await docker("unpause", id);
      },
    },
  ];
  return { service, ends, faults, learnWorker };
}

/** The engine can't freeze a process that waits for its disk just then: it says so, and is asked again. */
async function freeze(id: string): Promise<void> {
  for (let tries = 1; ; tries++)
    try {
      await docker("pause", id);
      return;
    } catch (error) {
      if (tries === 20 || !String(error).includes("unable to freeze"))
        throw error;
      await sleep(200);
    }
}
