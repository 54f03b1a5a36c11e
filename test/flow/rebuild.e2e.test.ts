/** What can be lost without a loss: Redis, and what the broker remembers of the queue. */
import { connectBroker } from "@jetscribe/event-log/broker/connection";
import {
  remakeWorkQueue,
  workQueueInfo,
} from "@jetscribe/event-log/streams/topology";
import { eventually, startStack } from "@jetscribe/testing";
import assert from "node:assert/strict";
import { connect } from "node:net";
import { once } from "node:events";
import { test } from "vitest";
import { call, lineCounts, outcomes, postMany } from "./client.ts";
import { countOf, histories } from "./log.ts";

const queue = {
  model: "demo",
  lane: "interactive",
  owner: "default",
} as const;

test("an emptied Redis comes back from the log, and no finished task is shown as queued meanwhile", async () => {
  await using stack = await startStack({ env: { ENGINE: "fake" } });
  const ids = await postMany(stack, 300);
  await outcomes(stack, ids);
  await redisCommand(stack.redis.port, "FLUSHALL");
  for (let round = 0; round < 3; round++)
    for (const id of ids) {
      const { status, body } = await call(stack, `/result/${id}`);
      assert.equal(status, 200, JSON.stringify(body));
    }
  await eventually(
    async () =>
      Number(await redisCommand(stack.redis.port, "DBSIZE")) > ids.length,
  );
  const afterwards = await postMany(stack, 5);
  await outcomes(stack, afterwards);
});

test("a work queue that is made again brings every finished task back, and none runs", async () => {
  await using stack = await startStack({ env: { ENGINE: "fake" } });
  const ids = await postMany(stack, 300);
  await outcomes(stack, ids);
  await using broker = await connectBroker({
    url: stack.natsUrl,
    name: "test",
  });
  await remakeWorkQueue(broker, queue, { ackWaitMs: 15_000 });
  await eventually(async () => {
    const info = await workQueueInfo(broker, queue);
    return info && info.pending + info.ackPending === 0;
  });
  const log = await histories(stack.natsUrl);
  for (const id of ids) {
    assert.equal(countOf(log.get(id), "GenerateStarted"), 1);
    assert.equal(countOf(log.get(id), "GenerateCompleted"), 1);
  }
  const counts = await lineCounts(stack.logDir, ids);
  assert.ok(counts.every((lines) => lines === 1));
});

/** The first line that Redis answers, without its type. */
async function redisCommand(port: number, command: string): Promise<string> {
  const socket = connect(port, "127.0.0.1");
  socket.write(`${command}\r\n`);
  const [answer] = (await once(socket, "data")) as [Buffer];
  socket.destroy();
  return answer.toString().slice(1).trim();
}
