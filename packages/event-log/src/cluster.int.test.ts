import { streams } from "@jetscribe/schema";
import { eventually, startNats, startNatsCluster } from "@jetscribe/testing";
import { JetStreamApiError } from "@nats-io/jetstream";
import assert from "node:assert/strict";
import { test } from "node:test";
import { makeAppender } from "./append.ts";
import { connectBroker, type Broker } from "./connection.ts";
import { queue, requestedBy, settings } from "./testKit.ts";
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
  assert.deepEqual(await copies(broker), [1, 1, 1, 1]);
  await ensureTopology(broker, three);
  await eventually(
    async () => (await copies(broker)).every((count) => count === 3),
    { timeoutMs: 60_000 },
  );
  await cluster.whole();
  await appender.append(requestedBy(queue), queue);
  const { num_pending } = await broker.jsm.consumers.info(
    streams.events,
    "infer=demo=interactive=a",
  );
  assert.equal(num_pending, 2);
});

test("a cluster that lacks nodes is waited for; a server that is none is an error", async () => {
  await using cluster = await startNatsCluster({ version: "newest" });
  const [first, second, third] = cluster.nodes;
  assert.ok(first && second && third);
  await using broker = await connectBroker({ url: first.url, name: "test" });
  await third.kill();
  await second.kill();
  // Once it has noticed, it says so in an answer of its own.
  const answer = await eventually(
    async () => {
      const making = ensureTopology(broker, three);
      const error: unknown = await making.catch((why: unknown) => why);
      const isAnswer =
        error instanceof JetStreamApiError || error instanceof TopologyError;
      return isAnswer && error;
    },
    { timeoutMs: 60_000 },
  );
  assert.ok(!(answer instanceof TopologyError), answer.message);
  await second.restart();
  await third.restart();
  await eventually(() => ensureTopology(broker, three).then(() => true), {
    timeoutMs: 60_000,
  });

  await using nats = await startNats();
  await using other = await connectBroker({ url: nats.url, name: "test" });
  await assert.rejects(ensureTopology(other, three), {
    name: "TopologyError",
    message: /replicas > 1 not supported/,
  });
});
