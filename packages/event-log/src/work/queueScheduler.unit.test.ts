import { makeNames, type Queue } from "@jetscribe/schema";
import assert from "node:assert/strict";
import { test } from "vitest";
import {
  makeQueueScheduler,
  type QueueScheduler,
  type WorkQueue,
} from "./queueScheduler.ts";

const names = makeNames();

const queue = (owner: string, lane: Queue["lane"] = "interactive"): Queue => ({
  model: "demo",
  lane,
  owner,
});
const tasksOf = (owner: string, tasks: number) => ({
  queue: queue(owner),
  tasks,
});
const nothingInHand = new Map();

const nextOf = (scheduler: QueueScheduler) => [...scheduler.plan(1).keys()][0];
const named = (scheduler: QueueScheduler, owner: string) => {
  const found = scheduler.named(`infer=demo=interactive=${owner}`);
  assert.ok(found);
  return found;
};
/** Pulls one task of the queue whose turn it is, and gives the queue. */
function pullNext(scheduler: QueueScheduler, pending = 0) {
  const next = nextOf(scheduler);
  assert.ok(next);
  scheduler.noteAsked(next, 1);
  delivers(scheduler, next, pending);
  return next;
}
/** The pull that was sent brings the one task that it asked for; so many more wait. */
function delivers(scheduler: QueueScheduler, of: WorkQueue, pending = 0) {
  scheduler.noteDelivery(of, pending);
  scheduler.notePullEnd(of, "full");
}
function empty(scheduler: QueueScheduler, of: WorkQueue) {
  scheduler.noteAsked(of, 1);
  scheduler.notePullEnd(of, "empty");
}

/** The owners in the order of their turns, one task each, until nothing waits. */
function order(scheduler: QueueScheduler) {
  const owners: string[] = [];
  while (nextOf(scheduler) !== undefined) {
    const next = pullNext(scheduler);
    owners.push(next.queue.owner);
    scheduler.charge(next, 10);
  }
  return owners.join("");
}

test("what a look finds takes turns, unless all of it is in the worker's own hands", () => {
  const scheduler = makeQueueScheduler(names);
  const found = [tasksOf("a", 1), tasksOf("b", 0), tasksOf("c", 2)];
  scheduler.noteFound(found, nothingInHand);
  assert.equal(order(scheduler), "ac");
  const inHand = new Map([[named(scheduler, "c"), 2]]);
  scheduler.noteFound([tasksOf("c", 2)], inHand);
  assert.equal(order(scheduler), "");
  assert.equal(scheduler.named("infer=demo=interactive=b"), undefined);
});

test("queues without work for ten minutes are forgotten; not those in hand, asked, with a standing pull, or waiting for a turn", () => {
  let now = 0;
  const scheduler = makeQueueScheduler(names, () => now);
  for (const owner of ["idle", "held", "asked", "stands", "waits", "late"])
    scheduler.noteWakeUp(queue(owner));
  order(scheduler);
  scheduler.noteFound([tasksOf("waits", 1)], nothingInHand);
  scheduler.noteAsked(named(scheduler, "asked"), 1);
  scheduler.noteStanding(named(scheduler, "stands"));
  now = 1;
  scheduler.noteDelivery(named(scheduler, "late"), 0);
  now = 600_000;
  scheduler.forgetIdle(new Map([[named(scheduler, "held"), 1]]));
  assert.equal(scheduler.named("infer=demo=interactive=idle"), undefined);
  for (const owner of ["held", "asked", "stands", "waits", "late"])
    assert.ok(named(scheduler, owner));
  assert.ok(scheduler.recent().every((one) => one.queue.owner !== "idle"));
});

test("interactive work goes first; within a lane the queue that has waited longest", () => {
  const scheduler = makeQueueScheduler(names);
  scheduler.noteWakeUp(queue("x", "batch"));
  for (const owner of ["a", "b", "c"]) scheduler.noteWakeUp(queue(owner));
  const planned = [...scheduler.plan(3).keys()];
  assert.equal(planned.map((one) => one.queue.owner).join(""), "abc");
});

test("turns are counted in tokens, and wake-ups put nobody's turn off", () => {
  const scheduler = makeQueueScheduler(names);
  scheduler.noteFound([tasksOf("a", 9), tasksOf("b", 9)], nothingInHand);
  const turns = Array.from({ length: 8 }, () => {
    const next = pullNext(scheduler, 8);
    scheduler.charge(next, next.queue.owner === "a" ? 30 : 10);
    scheduler.noteWakeUp(queue("b"));
    return next.queue.owner;
  });
  assert.equal(turns.join(""), "abbbabbb");
});

test("an owner's groups share its turns, one task of a group at a time", () => {
  const scheduler = makeQueueScheduler(names);
  const group = (name: string) => ({ ...queue("a"), group: name });
  for (const name of ["x", "y", "z"]) scheduler.noteWakeUp(group(name));
  scheduler.noteFound([tasksOf("a", 9), tasksOf("b", 99)], nothingInHand);
  const turns = Array.from({ length: 12 }, () => {
    const next = pullNext(scheduler, 9);
    scheduler.charge(next, 10);
    return next.queue.group ?? next.queue.owner;
  });
  assert.equal(turns.join(""), "xbybzbabxbyb");
  // Each of a's queues is asked for one, and b's for as many as all of them.
  const planned = [...scheduler.plan(6)].map(([{ queue }, tasks]) => [
    queue.group ?? queue.owner,
    tasks,
  ]);
  assert.deepEqual(planned.toSorted(), [
    ...[["a", 1], ["b", 3], ["x", 1], ["z", 1]], // prettier-ignore
  ]);
});

test("a group that the worker fills by itself is not asked", () => {
  const scheduler = makeQueueScheduler(names);
  const group = { ...queue("a"), group: "g" };
  scheduler.noteWakeUp(group);
  const full = pullNext(scheduler, 5);
  assert.equal(nextOf(scheduler), full);
  scheduler.noteFull(full);
  assert.equal(nextOf(scheduler), undefined);
  scheduler.noteWakeUp(group);
  scheduler.noteAsked(full, 1);
  // Its pull waited: it is not asked once more, as a queue after a wake-up is.
  scheduler.notePullEnd(full, "empty");
  assert.equal(nextOf(scheduler), undefined);
});

test("of ten tokens one is the batch lane's, while other work waits", () => {
  const scheduler = makeQueueScheduler(names);
  scheduler.noteFound([tasksOf("a", 99)], nothingInHand);
  scheduler.noteWakeUp(queue("x", "batch"));
  const turns = Array.from({ length: 100 }, () => {
    const next = pullNext(scheduler, 99);
    scheduler.charge(next, 100);
    return next.queue.owner;
  });
  assert.equal(turns.filter((owner) => owner === "x").length, 10);
});

test("tokens that were charged too much are given back", () => {
  const scheduler = makeQueueScheduler(names);
  scheduler.noteFound([tasksOf("a", 9), tasksOf("b", 9)], nothingInHand);
  scheduler.charge(named(scheduler, "a"), 50);
  assert.equal(nextOf(scheduler)?.queue.owner, "b");
  scheduler.charge(named(scheduler, "a"), -50);
  assert.equal(nextOf(scheduler)?.queue.owner, "a");
});

test("an owner's usual task is learned from those that it finished", () => {
  const scheduler = makeQueueScheduler(names);
  scheduler.noteFound([tasksOf("a", 99), tasksOf("b", 99)], nothingInHand);
  const [a, b] = [named(scheduler, "a"), named(scheduler, "b")];
  for (let i = 0; i < 40; i++) {
    scheduler.noteFinished(a, 20);
    scheduler.noteFinished(b, 180);
  }
  const plan = scheduler.plan(20);
  assert.deepEqual([plan.get(a), plan.get(b)], [18, 2]);
});

test("a plan changes nothing", () => {
  const scheduler = makeQueueScheduler(names);
  for (const owner of ["a", "b"]) scheduler.noteWakeUp(queue(owner));
  const before = structuredClone(named(scheduler, "a").state);
  assert.deepEqual(scheduler.plan(3), scheduler.plan(3));
  assert.deepEqual(named(scheduler, "a").state, before);
});

test("a queue that is asked already is not asked a second time, and its turn is kept", () => {
  const scheduler = makeQueueScheduler(names);
  for (const owner of ["a", "b"]) scheduler.noteWakeUp(queue(owner));
  const a = named(scheduler, "a");
  scheduler.charge(named(scheduler, "b"), 500);
  scheduler.noteAsked(a, 1);
  assert.equal(scheduler.asked(), 1);
  assert.equal(nextOf(scheduler), undefined);
  delivers(scheduler, a, 5);
  assert.equal(scheduler.asked(), 0);
  assert.equal(nextOf(scheduler), a);
});

test("what a pull that ends has not brought is not asked for any longer", () => {
  const scheduler = makeQueueScheduler(names);
  scheduler.noteFound([tasksOf("a", 9)], nothingInHand);
  const a = named(scheduler, "a");
  scheduler.noteAsked(a, 5);
  scheduler.noteDelivery(a, 0);
  assert.equal(scheduler.asked(), 4);
  scheduler.notePullEnd(a, "empty");
  assert.equal(scheduler.asked(), 0);
  assert.equal(nextOf(scheduler), undefined);
});

test("a queue that does not answer keeps no turn of others", () => {
  const scheduler = makeQueueScheduler(names);
  scheduler.noteFound([tasksOf("a", 9), tasksOf("b", 9)], nothingInHand);
  const [a, b] = [named(scheduler, "a"), named(scheduler, "b")];
  scheduler.charge(b, 500);
  assert.equal(nextOf(scheduler), a);
  scheduler.noteAsked(a, 1);
  scheduler.notePullEnd(a, "lost");
  assert.equal(a.owner.virtualTime, 500);
  assert.equal(order(scheduler), "ba");
});

test("a queue whose consumer is gone is forgotten", () => {
  const scheduler = makeQueueScheduler(names);
  scheduler.noteWakeUp(queue("a"));
  const a = named(scheduler, "a");
  scheduler.noteAsked(a, 3);
  scheduler.notePullEnd(a, "gone");
  assert.equal(scheduler.named(a.name), undefined);
  assert.deepEqual([scheduler.asked(), nextOf(scheduler)], [0, undefined]);
  assert.deepEqual(scheduler.recent(), []);
});

test("what comes to a standing pull takes no turns until that is over", () => {
  const scheduler = makeQueueScheduler(names);
  scheduler.noteWakeUp(queue("a"));
  const a = pullNext(scheduler);
  scheduler.noteStanding(a);
  scheduler.noteWakeUp(queue("a"));
  assert.equal(nextOf(scheduler), undefined);
  scheduler.notePullEnd(a, "empty");
  assert.equal(nextOf(scheduler), a);
});

test("a queue whose standing pull brought the last that waits takes no turn after it", () => {
  const scheduler = makeQueueScheduler(names);
  scheduler.noteWakeUp(queue("a"));
  const a = pullNext(scheduler);
  scheduler.noteStanding(a);
  scheduler.noteDelivery(a, 1);
  delivers(scheduler, a, 0);
  assert.equal(nextOf(scheduler), undefined);
});

test("an empty answer to a wake-up is asked for once more, and no oftener", () => {
  const scheduler = makeQueueScheduler(names);
  scheduler.noteWakeUp(queue("a"));
  const a = named(scheduler, "a");
  empty(scheduler, a);
  assert.equal(nextOf(scheduler), a);
  empty(scheduler, a);
  assert.equal(nextOf(scheduler), undefined);
});

test("an empty answer to what a look found is believed", () => {
  const scheduler = makeQueueScheduler(names);
  scheduler.noteFound([tasksOf("a", 1)], nothingInHand);
  empty(scheduler, named(scheduler, "a"));
  assert.equal(nextOf(scheduler), undefined);
});

test("a wake-up that comes while its queue is asked outlives an older word that nothing waits", () => {
  const scheduler = makeQueueScheduler(names);
  scheduler.noteWakeUp(queue("a"));
  const a = named(scheduler, "a");
  scheduler.noteAsked(a, 1);
  scheduler.noteWakeUp(queue("a"));
  delivers(scheduler, a, 0);
  assert.equal(pullNext(scheduler), a);
  assert.equal(nextOf(scheduler), undefined);
});

test("four queues are recent: those where work was seen last", () => {
  const scheduler = makeQueueScheduler(names);
  for (const owner of ["a", "b", "c", "d", "e", "b"])
    scheduler.noteWakeUp(queue(owner));
  const owners = scheduler.recent().map((one) => one.queue.owner);
  assert.deepEqual(owners, ["b", "e", "d", "c"]);
});
