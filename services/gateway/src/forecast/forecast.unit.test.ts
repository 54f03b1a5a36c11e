import type { Queue, WorkerAnnouncement } from "@jetscribe/schema";
import type { Backlog } from "@jetscribe/task-store";
import { eventually } from "@jetscribe/testing";
import assert from "node:assert/strict";
import { test } from "vitest";
import { makeForecast } from "./forecast.ts";

const queue = (owner: string): Queue => ({
  ...{ model: "demo", lane: "interactive", owner },
});
const worker: WorkerAnnouncement = {
  ...{ worker_id: "w", model: "Demo", engine: "fake", model_loaded: true },
  ...{ slots: 1, tasks: ["t"], tokens_per_second: 10 },
};
const open = (backlog: () => Promise<Backlog[]>) =>
  makeForecast({ backlog }, { all: () => [worker] });
/** What waits, as it is read once: a later reading does not end. */
function readOnce(...backlogs: Backlog[]) {
  let reads = 0;
  return () =>
    reads++ === 0 ? Promise.resolve(backlogs) : new Promise<never>(() => {});
}
/** Once what waits was read. */
const known = (forecast: ReturnType<typeof open>, owner: string) =>
  eventually(() => forecast.ofNext(queue(owner)));

test("nothing is said before what waits was read, nor when it can't be", async () => {
  let reads = 0;
  const forecast = open(() => {
    reads++;
    return Promise.reject(new Error("down"));
  });
  await eventually(() => {
    assert.equal(forecast.ofNext(queue("a")), undefined);
    return reads > 1;
  });
});

test("each that is accepted waits behind those before it", async () => {
  const forecast = open(readOnce({ queue: queue("a"), waiting: 4, usual: 20 }));
  assert.equal((await known(forecast, "a"))?.wait, 10);
  assert.equal(forecast.ofNext(queue("a"))?.wait, 12);
});

test("an owner without a finished task is taken for one as the others", async () => {
  const backlog = { queue: queue("a"), waiting: 0, usual: 30 };
  const forecast = open(() => Promise.resolve([{ ...backlog }]));
  assert.equal((await known(forecast, "new"))?.wait, 3);
});

test("the tasks ahead are the owner's own, and of the others those whose turns come before", async () => {
  const forecast = open(
    readOnce(
      { queue: queue("a"), waiting: 2, usual: 20 },
      { queue: queue("b"), waiting: 9, usual: 20 },
      { queue: queue("c"), waiting: 1, usual: 20 },
    ),
  );
  const first = await known(forecast, "a");
  assert.deepEqual(first?.tasks_ahead, { own: 2, others: 3 + 1 });
  const second = forecast.ofNext(queue("a"));
  assert.deepEqual(second?.tasks_ahead, { own: 3, others: 4 + 1 });
  const free = open(() => Promise.resolve([]));
  const none = { own: 0, others: 0 };
  assert.deepEqual((await known(free, "a"))?.tasks_ahead, none);
});
