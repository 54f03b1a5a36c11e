/** All that is done to the system. Each fault heals itself. */
import type { Random, TestServer } from "@jetscribe/testing";
import { spawnSync } from "node:child_process";
import { statSync } from "node:fs";
import { join } from "node:path";
import { setTimeout as sleep } from "node:timers/promises";
import { serviceNames } from "../../scripts/system/services.ts";
import type { Fleet } from "./fleet.ts";
import { dataFaults } from "./dataFaults.ts";
import { killStoring } from "./killStoring.ts";
import type { Load } from "./load.ts";
import type { Member } from "./member.ts";
import type { Fault } from "./fault.ts";
import { outwait } from "./outwait.ts";
import { stealStart } from "./stealStart.ts";

/** Longer than the fleet's ACK_WAIT of 3 s. */
const frozenMs = [3_500, 7_000] as const;
/** Longer than the two minutes for which the broker knows a message id. */
const suspendedMs = [125_000, 140_000] as const;
const steppedMs = [3_000, 8_000] as const;
/** Sometimes longer than its HANG_TIMEOUT of 6 s. */
const engineFrozenMs = [3_500, 10_000] as const;
const downMs = [0, 2_000] as const;

/** Everything that can be done to this fleet; `only`: names, or beginnings of names. */
export function faultsOf(
  fleet: Fleet,
  load: Pick<Load, "more">,
  { only, isLong }: { only: readonly string[]; isLong: boolean },
): Fault[] {
  const all = [
    ...fleet.members.flatMap(memberFaults),
    ...fleet.of("gateway").map((gateway) => killStoring(fleet, gateway)),
    ...fleet.of("inference").flatMap(engineFaults),
    ...serverFaults("nats", fleet.nats),
    ...serverFaults("redis", fleet.redis),
    ...dataFaults(fleet),
    ...fleet.of("logger").map((logger) => diskFault(fleet, logger)),
    ...connectionFaults(fleet),
    stealStart(fleet, load),
    outwait(fleet, load),
  ];
  if (only.length === 0)
    return all.filter(
      ({ name }) => !onDemand.test(name) && (isLong || !onlyInLong.test(name)),
    );
  return all.filter(({ name }) => only.some((begin) => name.startsWith(begin)));
}

/** Takes too long for any but a long run. */
const onlyInLong = /^suspend-(?:inference|logger|webhooks)$/;
/** Not known to keep every promise: done only where it is asked for by the beginning of its name. */
const onDemand = /^(?:step-clock-(?!gateway)|suspend-(?:gateway|results))/;
/** Done once each, before and after all others, and only where it is asked for by its whole name. */
const once = ["restore-events", "restore-messages", "fill-log"];

export const faultNames: readonly string[] = [
  ...serviceNames.flatMap((service) =>
    ["kill", "stop", "freeze", "suspend", "step-clock"].map(
      (what) => `${what}-${service}`,
    ),
  ),
  ...["kill-gateway-storing", "kill-engine", "freeze-engine", "fill-disk"],
  ...["nats", "redis"].flatMap((server) =>
    ["kill", "stop", "freeze", "cut", "stall"].map(
      (what) => `${what}-${server}`,
    ),
  ),
  ...["empty-redis", "lose-index", "delete-queue", "lose-queues"],
  ...["steal-start", "outwait"],
  ...once,
];

function memberFaults(member: Member): Fault[] {
  const { name: target, service } = member;
  const common = { target, ...(service === "inference" && { worker: member }) };
  const pause = (random: Random) => sleep(random.int(...downMs));
  return [
    {
      ...common,
      name: `kill-${service}`,
      async run(random) {
        await member.crash();
        await pause(random);
        member.start();
      },
    },
    {
      ...common,
      name: `stop-${service}`,
      async run(random) {
        await member.stop();
        await pause(random);
        member.start();
      },
    },
    {
      ...common,
      name: `freeze-${service}`,
      async run(random) {
        member.freeze();
        await sleep(random.int(...frozenMs));
        member.thaw();
      },
    },
    {
      ...common,
      name: `suspend-${service}`,
      async run(random) {
        member.freeze();
        await sleep(random.int(...suspendedMs));
        member.thaw();
      },
    },
    {
      ...common,
      name: `step-clock-${service}`,
      async run(random) {
        const { pid } = member;
        member.stepClock();
        await sleep(random.int(...steppedMs));
        if (pid === member.pid) member.stepClock();
      },
    },
  ];
}

function engineFaults(member: Member): Fault[] {
  const common = { target: member.name, worker: member };
  const send = (signal: NodeJS.Signals, pid = member.enginePid()) => {
    if (pid !== undefined) process.kill(pid, signal);
    return pid;
  };
  return [
    {
      ...common,
      name: "kill-engine",
      run: () => Promise.resolve(void send("SIGKILL")),
    },
    {
      ...common,
      name: "freeze-engine",
      async run(random) {
        const pid = send("SIGSTOP");
        await sleep(random.int(...engineFrozenMs));
        // Who waits for it may have ended it meanwhile.
        if (pid === member.enginePid()) send("SIGCONT", pid);
      },
    },
  ];
}

function serverFaults(target: string, server: TestServer): Fault[] {
  const end = (signal: NodeJS.Signals) => async (random: Random) => {
    await server.kill(signal);
    await sleep(random.int(...downMs));
    await server.restart();
  };
  return [
    { name: `kill-${target}`, target, run: end("SIGKILL") },
    { name: `stop-${target}`, target, run: end("SIGTERM") },
    {
      name: `freeze-${target}`,
      target,
      async run(random) {
        await server.kill("SIGSTOP");
        await sleep(random.int(...frozenMs));
        await server.kill("SIGCONT");
      },
    },
  ];
}

/** The files of this logger can't grow any more: the disk is full in the middle of a line. */
function diskFault({ logDir }: Fleet, logger: Member): Fault {
  const limit = (pid: number, bytes: string) =>
    spawnSync("prlimit", [`--pid=${pid}`, `--fsize=${bytes}:unlimited`]);
  return {
    name: "fill-disk",
    target: logger.name,
    async run(random) {
      const { pid } = logger;
      if (pid === undefined) return;
      const file = join(logDir, "llm_requests.log");
      const size = statSync(file, { throwIfNoEntry: false })?.size ?? 0;
      limit(pid, String(size + random.int(1, 700)));
      await sleep(random.int(1_000, 4_000));
      if (pid === logger.pid) limit(pid, "unlimited");
    },
  };
}

function connectionFaults({ proxies }: Fleet): Fault[] {
  return (["nats", "redis"] as const).flatMap((server) => [
    {
      name: `cut-${server}`,
      target: `connections-${server}`,
      run(random: Random) {
        const share = random.pick([0.3, 1]);
        proxies[server].cut(() => random.chance(share));
        return Promise.resolve();
      },
    },
    {
      name: `stall-${server}`,
      target: `connections-${server}`,
      async run(random: Random) {
        const flow = proxies[server].stall();
        await sleep(random.int(500, 7_000));
        flow();
      },
    },
  ]);
}
