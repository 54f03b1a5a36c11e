import type { WorkItem } from "@jetscribe/event-log/work/consume";
import type { TaskAnswer } from "@jetscribe/event-log/state/taskStates";
import { evolve, isOpen } from "@jetscribe/schema";
import assert from "node:assert/strict";
import { test } from "vitest";
import { makeHeldTasks } from "../ownership/heldTasks.ts";
import { makePeers } from "../ownership/peers.ts";
import type { TaskInHand } from "../ownership/taskInHand.ts";
import { makeOnGenerateRequested, type Deps } from "./onGenerateRequested.ts";
import { crashedTooOften, started } from "./outcomes.ts";
import { queue, requestOf } from "../../test/workerTestKit.ts";

const event = { ...requestOf(), seq: 1, time: 1 };
const open = evolve(undefined, event);
assert.ok(open && isOpen(open));
const outcome = crashedTooOften(open, "w1", 1);
const ended = evolve(open, { ...outcome, seq: 2, time: 2 });
assert.ok(ended && !isOpen(ended));
const known = { by: "log", asOf: 0 } as const;

/** What becomes of a task whose cancel was heard, where this is what the log has. */
async function heardCancelled(answer: TaskAnswer) {
  const states = {
    surely: () => Promise.resolve(answer),
    surelyAll: () => Promise.reject(new Error("not asked")),
  };
  using held = makeHeldTasks({ ackWaitMs: 60_000, states });
  // Nothing else of it is asked for.
  const deps = { held, states, wasCancelled: () => true };
  const handle = makeOnGenerateRequested(deps as unknown as Deps);
  return await handle({ event, queue } as WorkItem);
}

test("a cancel that was heard ends a task once it is in the log, and not before", async () => {
  const heard = {
    stored: await heardCancelled({ status: "ended", task: ended, ...known }),
    notStored: await heardCancelled({ status: "open", task: open, ...known }),
    unknown: await heardCancelled({ status: "unknown" }),
  };
  assert.deepEqual(heard, {
    stored: { kind: "done" },
    notStored: { kind: "retry", afterMs: 1_000 },
    unknown: { kind: "retry", afterMs: 1_000 },
  });
});

/** The task in an attempt of another worker. */
function running(attempt: number): TaskAnswer {
  assert.ok(open);
  const start = { ...started(open, attempt, "other", 2), seq: 2, time: 2 };
  const task = evolve(open, start);
  assert.ok(task && isOpen(task));
  return { status: "open", task, ...known };
}

/**
 * What becomes of a task that another worker runs, which is heard and did not name it before the look. `meanwhile`: what
 * the log has instead, where this worker's take-over of the attempt comes too late.
 */
async function doubted(tasksNamedLater: string[], meanwhile?: TaskAnswer) {
  let answer = running(1);
  const announcement = {
    ...{ worker_id: "other", model: "demo", engine: "fake" },
    ...{ model_loaded: true, slots: 1, every_ms: 10 },
  };
  // The clock stands still, so that the other worker stays heard.
  const peers = makePeers("me", () => 0);
  peers.heard({ ...announcement, tasks: [] });
  using held = makeHeldTasks({
    ackWaitMs: 60_000,
    states: { surelyAll: () => assert.fail("no renewal is due") },
  });
  let looks = 0;
  const takenOver: object[] = [];
  const deps = {
    ...{ held, peers, wasCancelled: () => false },
    clock: { nowS: () => 3 },
    limits: { workerId: "me", maxAttempts: 3, ackWaitMs: 60_000 },
    states: { delivered: () => Promise.resolve({ status: "unknown" }) },
    record: {
      look(inHand: TaskInHand) {
        inHand.change({ kind: "found", answer });
        if (++looks === 2)
          peers.heard({ ...announcement, tasks: tasksNamedLater });
        return Promise.resolve();
      },
      endAttempt(inHand: TaskInHand, decision: object) {
        takenOver.push(decision);
        if (meanwhile !== undefined && takenOver.length === 1) {
          answer = meanwhile;
          inHand.change({ kind: "found", answer });
          peers.heard({ ...announcement, tasks: [] });
          return Promise.resolve();
        }
        inHand.interrupt("lease");
        return Promise.reject(new Error("this is as far as it goes"));
      },
    },
    lock: { claim: () => Promise.resolve({}) },
    log: { warn: () => undefined },
  };
  const handle = makeOnGenerateRequested(deps as unknown as Deps);
  const handled = await handle({ event, queue } as WorkItem);
  return { handled, looks, takenOver };
}

test("a task that a living worker does not name is taken over where its newer announcement leaves it out too", async () => {
  const { looks, takenOver } = await doubted([]);
  assert.equal(looks, 2);
  assert.deepEqual(takenOver, [
    { kind: "take over", reason: "lease", from: "other" },
  ]);
});

test("the next attempt of that worker is another one: it is taken over only once a newer announcement leaves it out", async () => {
  const { looks, takenOver } = await doubted([], running(2));
  assert.equal(takenOver.length, 2);
  assert.equal(looks, 3);
});

test("a task that a living worker names in its newer announcement comes back", async () => {
  const { handled, takenOver } = await doubted([event.data.task_id]);
  assert.deepEqual(handled, { kind: "retry", afterMs: 60_000 });
  assert.deepEqual(takenOver, []);
});

/** What becomes of a task that is delivered at this time; nothing else of it is asked for. */
const deliveredAt = async (nowS: number, isRead = true) =>
  await makeOnGenerateRequested({
    clock: { nowS: () => nowS, isRead: () => isRead },
  } as unknown as Deps)({
    event: { ...event, data: { ...event.data, not_before: 1_000 } },
    queue,
  } as WorkItem);

test("a task that is delivered before its not_before comes back then, and is not looked up", async () => {
  const retry = (afterMs: number) => ({ kind: "retry", afterMs });
  assert.deepEqual(await deliveredAt(940), retry(60_000));
  assert.deepEqual(await deliveredAt(999.9999), retry(1));
  // A clock that is not read yet may be ahead.
  assert.deepEqual(await deliveredAt(2_000, false), retry(1_000));
  await assert.rejects(deliveredAt(1_000), TypeError);
});
