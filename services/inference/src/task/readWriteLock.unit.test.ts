import assert from "node:assert/strict";
import { setImmediate as turn } from "node:timers/promises";
import { test } from "vitest";
import { makeReadWriteLock, type ReadWriteLock } from "./readWriteLock.ts";

const never = new AbortController().signal;

/** Asks for the lock, and says later whether it has it. */
function ask(lock: ReadWriteLock, alone: boolean, signal = never) {
  const holder = { has: false, release: () => {} };
  const acquired = lock.acquire(alone, signal).then((release) => {
    holder.has = true;
    holder.release = release;
  });
  return Object.assign(holder, { acquired });
}

test("many have it together", async () => {
  const lock = makeReadWriteLock();
  const all = [ask(lock, false), ask(lock, false), ask(lock, false)];
  await turn();
  assert.deepEqual(
    all.map(({ has }) => has),
    [true, true, true],
  );
});

test("one that wants it alone waits for all, and all later ones wait for it", async () => {
  const lock = makeReadWriteLock();
  const before = [ask(lock, false), ask(lock, false)];
  const alone = ask(lock, true);
  const after = [ask(lock, false), ask(lock, false)];
  await turn();
  before[0]?.release();
  await turn();
  assert.equal(alone.has, false);
  before[1]?.release();
  await turn();
  assert.equal(alone.has, true);
  assert.ok(after.every(({ has }) => !has));
  alone.release();
  await turn();
  assert.ok(after.every(({ has }) => has));
});

test("two that want it alone have it one after the other", async () => {
  const lock = makeReadWriteLock();
  const [first, second] = [ask(lock, true), ask(lock, true)];
  await turn();
  assert.deepEqual([first.has, second.has], [true, false]);
  first.release();
  await turn();
  assert.equal(second.has, true);
});

test("one that gives up holds nobody up", async () => {
  const lock = makeReadWriteLock();
  const stop = new AbortController();
  const inside = ask(lock, false);
  const alone = ask(lock, true, stop.signal);
  const behind = ask(lock, false);
  const refused = assert.rejects(alone.acquired, /enough/);
  await turn();
  assert.equal(behind.has, false);
  stop.abort(new Error("enough"));
  await refused;
  await turn();
  assert.equal(behind.has, true);
  assert.equal(inside.has, true);
});
