/** A cluster of three loses each node in turn, and one of them its connections, under a mixed load. */
import { eventually, makeRandom, type NatsCluster } from "@jetscribe/testing";
import assert from "node:assert/strict";
import { readFile, rm } from "node:fs/promises";
import { join } from "node:path";
import { setTimeout as sleep } from "node:timers/promises";
import { test } from "vitest";
import { check } from "../chaos/check.ts";
import { call } from "../chaos/client.ts";
import { gather } from "../chaos/evidence.ts";
import type { Fleet } from "../chaos/fleet.ts";
import { makeJournal, type Journal } from "../chaos/journal.ts";
import { makeLoad } from "../chaos/load.ts";
import type { Told } from "../chaos/told.ts";
import { spreadPoison } from "../chaos/poison.ts";
import { connectWitness } from "../chaos/connectWitness.ts";
import { makeLogReader } from "../chaos/readLog.ts";
import { settle } from "../chaos/settle.ts";
import { watchQueues } from "../chaos/watchQueues.ts";
import { startClusterFleet, type ClusterFleet } from "./clusterFleet.ts";

const seed = 20_263;
const loadMs = 45_000;
const sizes = { gateway: 1, inference: 2, results: 1, logger: 1 };
/** Longer than the fleet's ACK_WAIT, shorter than an election needs at least. */
const frozenMs = 3_500;

/** How many copies each stream and each work queue has. */
async function copies(fleet: Fleet): Promise<Record<string, number>> {
  using broker = await connectWitness(fleet);
  const counted: Record<string, number> = {};
  const count = async (name: string, subject: string) => {
    const { cluster } = await broker.request(subject);
    const { replicas } = cluster as { replicas?: unknown[] };
    counted[name] = 1 + (replicas ?? []).length;
  };
  const streams = [
    ...["EVENTS", "TOKENS", "LOGS", "IDEMPOTENCY", "KEYS", "AUDIT"],
    "WEBHOOKS",
  ];
  for (const stream of streams)
    await count(stream, `$JS.API.STREAM.INFO.${stream}`);
  const { consumers } = await broker.request("$JS.API.CONSUMER.NAMES.EVENTS");
  for (const name of consumers as string[])
    if (name.startsWith("infer="))
      await count(name, `$JS.API.CONSUMER.INFO.EVENTS.${name}`);
  return counted;
}

async function nodeOf(service: string, cluster: NatsCluster): Promise<number> {
  return await eventually(async () => {
    const clients = await Promise.all(
      cluster.nodes.map((_, i) => cluster.clients(i)),
    );
    const at = clients.findIndex((names) => names.includes(service));
    return at < 0 ? undefined : `${at}`;
  }).then(Number);
}

/** Beyond all numbers of the load. */
const firstProbe = 1_000_000;

function makeProbe(fleet: Fleet) {
  const told: Told[] = [];
  return {
    told,
    /** Whether a new task is accepted, and has its result. */
    finishes: async (): Promise<boolean> => {
      const number = firstProbe + told.length;
      const body = { prompt: `chaos ${number} `, max_tokens: 3 };
      const answer = await call(fleet, "POST", "/generate", body);
      const taskId =
        answer.status === 202 ? String(answer.body["task_id"]) : undefined;
      const one: Told = { kind: "short", number, body, answer, taskId, cancels: [], results: [] }; // prettier-ignore
      told.push(one);
      if (taskId === undefined) return false;
      const result = await call(fleet, "GET", `/result/${taskId}?wait=10`);
      one.results.push(result);
      return result.status === 200;
    },
  };
}

/** One after the other, each as soon as the cluster is whole again; the last one loses its disk as well. */
async function strikeEachNode(
  { cluster, cutOff }: ClusterFleet,
  journal: Journal,
  finishes: () => Promise<boolean>,
): Promise<void> {
  for (const [i, node] of cluster.nodes.entries()) {
    const end = journal.begin("kill-nats", `node-${i}`);
    await node.kill();
    if (i === cluster.nodes.length - 1)
      await rm(join(node.dataDir, "nats", "jetstream"), { recursive: true });
    await node.restart();
    await cluster.whole();
    end();
  }
  const endFreeze = journal.begin("freeze-nats", "node-0");
  await cluster.nodes[0]?.kill("SIGSTOP");
  await sleep(frozenMs);
  await cluster.nodes[0]?.kill("SIGCONT");
  await cluster.whole();
  endFreeze();
  const at = await nodeOf("gateway", cluster);
  const endCut = journal.begin("cut-nats", `node-${at}`);
  const rejoin = cutOff(at);
  // Long enough that others are elected, and that the gateway leaves it.
  await eventually(async () => (await nodeOf("gateway", cluster)) !== at);
  await eventually(finishes);
  rejoin();
  await cluster.whole();
  endCut();
}

test(
  "a cluster whose nodes are killed in turn, frozen and cut off keeps every promise",
  { timeout: 400_000 },
  async (t) => {
    await using system = await startClusterFleet(sizes);
    const { fleet } = system;
    await fleet.healthy(60_000);
    // A work queue is made with its first request.
    const probe = makeProbe(fleet);
    await eventually(probe.finishes);
    const counted = Object.entries(await copies(fleet));
    assert.ok(counted.length > 3);
    for (const [name, count] of counted) assert.equal(count, 3, name);

    const random = makeRandom(seed);
    const journal = makeJournal((line) => void t.annotate(line));
    const log = makeLogReader(fleet);
    await using watch = watchQueues(fleet, log);
    await using poison = spreadPoison(fleet, journal);
    const load = makeLoad(fleet, random.fork(1), {
      perSecond: 6,
      onTask({ kind, taskId }) {
        if (kind === "poison" && taskId !== undefined) poison.add(taskId);
      },
    });
    const striking = strikeEachNode(system, journal, probe.finishes);
    await Promise.all([load.run(loadMs), striking]);
    await fleet.healthy(60_000);
    const waits = await settle(fleet, log, 60_000);
    const told = [...load.told, ...probe.told];
    const { sightings } = watch;
    const seen = { told, journal: journal.entries, sightings };
    const evidence = await gather(fleet, seen, log);
    const statuses = told.map(({ answer }) => answer.status);
    void t.annotate(
      `${told.length} calls, ${statuses.filter((status) => status === 202).length} accepted, ${evidence.log.length} events`,
    );
    const violations = check(evidence);
    const said = [
      ...[
        fleet.output(),
        ...evidence.journal.map((one) => JSON.stringify(one)),
      ],
      ...violations,
    ].join("\n");
    assert.equal(waits, undefined, said);
    assert.deepEqual(violations, [], said);
    // What a new leader doesn't know yet is no loss.
    const records = await readFile(join(fleet.logDir, "app.log"), "utf8");
    const alarms = /^.*(made again|lost its|projected anew).*$/gm;
    assert.deepEqual(records.match(alarms), null);
    assert.ok(statuses.filter((status) => status === 202).length > 40);
  },
);
