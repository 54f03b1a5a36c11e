/** A worker's model is changed by draining the worker and starting another one; no task is lost or run twice. */
import { makeAppender } from "@jetscribe/event-log/append/append";
import {
  ensureWorkQueue,
  workQueueInfo,
} from "@jetscribe/event-log/streams/topology";
import { eventually } from "@jetscribe/testing";
import assert from "node:assert/strict";
import { once } from "node:events";
import { test } from "vitest";
import {
  ackWaitMs,
  completionOf,
  historyOf,
  outcomesOf,
  patient,
  queue,
  queueEmpty,
  readLog,
  requestOf,
  started,
  startSystem,
} from "../../test/workerTestKit.ts";

const other = { ...queue, model: "other" };

test("a worker changes its model: what runs is finished, what waits is done by whoever has its model", async () => {
  await using system = await startSystem();
  const { broker } = system;
  await ensureWorkQueue(broker, other, { ackWaitMs });
  using appender = makeAppender(broker, "test");
  const request = async (of: typeof queue) => {
    const { type, data } = requestOf();
    await appender.append({ type, data: { ...data, ...of } }, of, patient);
    return data.task_id;
  };
  const requests = (of: typeof queue, count: number) =>
    Promise.all(Array.from({ length: count }, () => request(of)));

  const slow = { FAKE_MS: "1500", SLOTS: "2" };
  const first = await system.startWorker(slow);
  const demo = await requests(queue, 20);
  await started(broker, 2);
  const exited = once(first, "exit");
  first.kill("SIGTERM");
  const others = await requests(other, 3);
  const [code] = (await exited) as [number];
  assert.equal(code, 0);
  const atItsEnd = await readLog(broker);
  const complete = "requested, started.1, completed";
  const finished = demo.filter((id) => historyOf(atItsEnd, id) === complete);
  assert.ok(finished.length >= 2 && finished.length < demo.length);
  const waiting = demo.filter((id) => !finished.includes(id));
  for (const id of waiting) assert.equal(historyOf(atItsEnd, id), "requested");

  const second = await system.startWorker({
    MODEL_NAME: "Other",
    FAKE_MS: "9",
  });
  let events = await outcomesOf(broker, others);
  for (const id of waiting) assert.equal(historyOf(events, id), "requested");
  second.kill("SIGTERM");
  await once(second, "exit");
  await system.startWorker({ FAKE_MS: "9" });
  events = await outcomesOf(broker, demo);
  for (const id of [...demo, ...others]) {
    completionOf(events, id);
    assert.equal(historyOf(events, id), complete);
  }
  await queueEmpty(broker);
  await eventually(async () => {
    const { pending, ackPending } = (await workQueueInfo(broker, other)) ?? {};
    return pending === 0 && ackPending === 0;
  });
});
