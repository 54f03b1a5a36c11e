import { streams } from "@jetscribe/schema";
import { eventually, startNats, startNatsCluster } from "@jetscribe/testing";
import { AckPolicy, JetStreamApiError } from "@nats-io/jetstream";
import assert from "node:assert/strict";
import { test } from "vitest";
import { makeAppender } from "../append/append.ts";
import { connectBroker, type Broker } from "../broker/connection.ts";
import { makePuller, type PullEnd } from "../read/pull.ts";
import { applyStreams } from "./streamPlan.ts";
import { queue, requestedBy, settings } from "../../test/eventLogTestKit.ts";
import { ensureTopology, ensureWorkQueue, TopologyError } from "./topology.ts";

const three = { ...settings, replicas: 3 };

/** Of each stream and of the work queue. */
async function copies({ jsm }: Broker): Promise<number[]> {
  const all = [
    ...Object.values(streams).map((name) => jsm.streams.info(name)),
    jsm.consumers.info(streams.events, "infer=demo=interactive=a"),
  ];
  return (await Promise.all<(typeof all)[number]>(all)).map(
    ({ cluster }) => 1 + (cluster?.replicas?.length ?? 0),
  );
}

test("streams and work queues get their copies, later too, and nothing of them is lost", async () => {
  await using cluster = await startNatsCluster({ version: "newest" });
  const url = cluster.url;
  await using broker = await connectBroker({ url, name: "test" });
  using appender = makeAppender(broker, "gateway");
  await ensureTopology(broker, settings);
  await ensureWorkQueue(broker, queue, { ackWaitMs: 15_000 });
  await appender.append(requestedBy(queue), queue);
  assert.deepEqual(await copies(broker), [1, 1, 1, 1, 1, 1, 1, 1]);
  await applyStreams(broker, three);
  await eventually(async () =>
    (await copies(broker)).every((count) => count === 3),
  );
  await cluster.whole();
  await appender.append(requestedBy(queue), queue);
  await eventually(async () => {
    const name = "infer=demo=interactive=a";
    const { num_pending } = await broker.jsm.consumers.info(
      streams.events,
      name,
    );
    return num_pending === 2;
  });
});

test("a cluster that lacks nodes is waited for; a server that is none is an error", async () => {
  await using cluster = await startNatsCluster({ version: "newest" });
  const [first, second, third] = cluster.nodes;
  assert.ok(first && second && third);
  await using broker = await connectBroker({ url: first.url, name: "test" });
  await third.kill();
  await second.kill();
  // Once it has noticed, it says so in an answer of its own.
  const answer = await eventually(async () => {
    const making = ensureTopology(broker, three);
    const error: unknown = await making.catch((why: unknown) => why);
    const isAnswer =
      error instanceof JetStreamApiError || error instanceof TopologyError;
    return isAnswer && error;
  });
  assert.ok(!(answer instanceof TopologyError), answer.message);
  await second.restart();
  await third.restart();
  await eventually(() => ensureTopology(broker, three).then(() => true));

  await using nats = await startNats();
  await using other = await connectBroker({ url: nats.url, name: "test" });
  await assert.rejects(ensureTopology(other, three), {
    name: "TopologyError",
    message: /replicas > 1 not supported/,
  });
});

test("a pull ends soon after the node that answered it died, and not while it only waits", async () => {
  await using cluster = await startNatsCluster({ version: "newest" });
  await using maker = await connectBroker({ url: cluster.url, name: "test" });
  await ensureTopology(maker, three);
  const { name: consumer, cluster: place } = await maker.jsm.consumers.add(
    streams.events,
    { name: "reader", ack_policy: AckPolicy.None, mem_storage: true, num_replicas: 1 }, // prettier-ignore
  );
  const at = cluster.nodes.findIndex((_, i) => place?.leader === `node-${i}`);
  const [its, other] = [cluster.nodes[at], cluster.nodes[(at + 1) % 3]];
  assert.ok(its && other);
  await using broker = await connectBroker({ url: other.url, name: "test" });
  using puller = makePuller(broker);
  const pull = (expiresMs: number) =>
    new Promise<PullEnd>((onEnd) =>
      puller.pull(
        { stream: streams.events, consumer, batch: 1, expiresMs },
        { onDelivery() {}, onEnd },
      ),
    );
  assert.equal(await pull(6_000), "empty");
  let end: PullEnd | undefined;
  void pull(120_000).then((why) => (end = why));
  await broker.nc.flush();
  await its.kill();
  await eventually(() => end === "lost");
});
