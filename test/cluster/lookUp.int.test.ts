/** What a cluster's nodes say of the log while one of them knows less than the others. */
import {
  appendUntilStored,
  makeAppender,
} from "@jetscribe/event-log/append/append";
import {
  connectBroker,
  type Broker,
} from "@jetscribe/event-log/broker/connection";
import { confirm, streamState } from "@jetscribe/event-log/broker/streamState";
import {
  findInLog,
  queue,
  requestedBy,
  settings,
} from "@jetscribe/event-log/test/eventLogTestKit";
import { ensureTopology } from "@jetscribe/event-log/streams/topology";
import { newTaskId, streams } from "@jetscribe/schema";
import { eventually, type TestServer } from "@jetscribe/testing";
import assert from "node:assert/strict";
import { rm } from "node:fs/promises";
import { join } from "node:path";
import { test } from "vitest";
import { startCutCluster } from "./cutCluster.ts";

const { owner } = queue;
const others = { ...queue, owner: "b" };

type Answer = "found" | "not there" | "no answer";

const ask = (broker: Broker, task_id: string): Promise<Answer> =>
  findInLog(broker, { task_id, owner }, 5_000).then(
    (task) => (task === undefined ? "not there" : "found"),
    () => "no answer",
  );

/** Three nodes with the streams on them, one connection to each, the leader of the log first. */
async function openCluster() {
  await using opened = new AsyncDisposableStack();
  const { cluster, cutOff } = opened.use(await startCutCluster());
  const brokers: Broker[] = [];
  for (const { url } of cluster.nodes)
    brokers.push(opened.use(await connectBroker({ url, name: "test" })));
  const [any] = brokers;
  assert.ok(any);
  await ensureTopology(any, { ...settings, replicas: 3 });
  await cluster.whole();
  const { leader } = await streamState(any, streams.events);
  const places = [0, 1, 2].map((i) => (i + Number(leader?.node.at(-1))) % 3);
  const members = places.map((at) => {
    const [node, broker] = [cluster.nodes[at], brokers[at]];
    assert.ok(node && broker);
    return { node, broker, cutOff: () => cutOff(at) };
  });
  const [old, other, third] = members;
  assert.ok(old && other && third);
  const all = opened.move();
  return {
    ...{ cluster, old, other, third },
    [Symbol.asyncDispose]: () => all.disposeAsync(),
  };
}

/** As a gateway on that node does it, for as long as an election takes. */
async function accept(broker: Broker, size = 10) {
  using appender = makeAppender(broker, "gateway");
  const event = requestedBy(queue, { prompt: "x".repeat(size) });
  const signal = AbortSignal.timeout(60_000);
  const { seq } = await appendUntilStored(broker, appender, event, queue, {
    signal,
  });
  return { seq, taskId: event.data.task_id };
}

/** Whether the node itself thinks that somebody leads. */
async function knowsLeader({ jsm }: Broker): Promise<boolean> {
  const { cluster } = await jsm.streams.info(streams.events);
  return Boolean(cluster?.leader);
}

async function freeze(node: TestServer): Promise<() => void> {
  await node.kill("SIGSTOP");
  return () => void node.kill("SIGCONT");
}

for (const fault of ["cut off", "frozen"] as const)
  test(`a leader that is ${fault} never says of a task that the others accepted that it is not there`, async () => {
    await using system = await openCluster();
    const { cluster, old, other } = system;
    await accept(other.broker);
    const before = await streamState(old.broker, streams.events);
    const end = fault === "frozen" ? await freeze(old.node) : old.cutOff();
    const deadline = AbortSignal.timeout(10_000);
    const confirmed = confirm(
      old.broker,
      streams.events,
      before,
      deadline,
    ).then(
      () => true,
      () => false,
    );
    const { seq, taskId } = await accept(other.broker);
    const lastSeqs: number[] = [];
    const look = () =>
      streamState(old.broker, streams.events).then(
        ({ lastSeq }) => void lastSeqs.push(lastSeq),
        () => undefined,
      );
    if (fault === "frozen") void look();
    else while (await knowsLeader(old.broker).catch(() => false)) await look();
    end();
    const answers: Answer[] = [];
    await eventually(async () => {
      const [answer] = await Promise.all([ask(old.broker, taskId), look()]);
      answers.push(answer);
      return answer === "found";
    });
    await cluster.whole();
    assert.equal(await confirmed, false);
    assert.ok(!answers.includes("not there"), answers.join());
    assert.deepEqual(
      lastSeqs.filter((lastSeq) => lastSeq < seq),
      [],
    );
  });

test("a node that has to fetch the log again never says of a task in it that it is not there", async () => {
  await using system = await openCluster();
  const { cluster, old, other, third } = system;
  using appender = makeAppender(old.broker, "gateway");
  const prompt = "x".repeat(2_000);
  for (let batch = 0; batch < 40; batch++)
    await Promise.all(
      Array.from({ length: 500 }, () =>
        appender.append(requestedBy(others, { prompt }), others, {
          timeoutMs: 60_000,
        }),
      ),
    );
  const { taskId } = await accept(old.broker);
  assert.equal(await ask(old.broker, newTaskId()), "not there");
  const answers: Answer[] = [];
  // Where it is the one that makes readers, none is made before another one does that.
  for (const { node } of [other, third]) {
    await node.kill();
    await rm(join(node.dataDir, "nats", "jetstream"), { recursive: true });
    await node.restart();
    let isWhole = false;
    const keepAsking = async () => {
      while (!isWhole || !answers.includes("found"))
        answers.push(await ask(old.broker, taskId));
    };
    const asking = Promise.all(Array.from({ length: 8 }, keepAsking));
    await cluster.whole().finally(() => (isWhole = true));
    await asking;
  }
  assert.ok(!answers.includes("not there"), answers.join());
});
