import assert from "node:assert/strict";
import { setImmediate as turn } from "node:timers/promises";
import { test } from "vitest";
import { makeGate } from "./gate.ts";

const never = new AbortController().signal;

/** Asks to go in, and says later whether it is in. */
function ask(
  gate: ReturnType<typeof makeGate>,
  alone: boolean,
  signal = never,
) {
  const one = { in: false, leave: () => {} };
  const entered = gate.enter(alone, signal).then((leave) => {
    one.in = true;
    one.leave = leave;
  });
  return Object.assign(one, { entered });
}

test("many are in together", async () => {
  const gate = makeGate();
  const all = [ask(gate, false), ask(gate, false), ask(gate, false)];
  await turn();
  assert.deepEqual(
    all.map((one) => one.in),
    [true, true, true],
  );
});

test("one that wants to be alone waits for all, and all later ones wait for it", async () => {
  const gate = makeGate();
  const before = [ask(gate, false), ask(gate, false)];
  const alone = ask(gate, true);
  const after = [ask(gate, false), ask(gate, false)];
  await turn();
  before[0]?.leave();
  await turn();
  assert.equal(alone.in, false);
  before[1]?.leave();
  await turn();
  assert.equal(alone.in, true);
  assert.ok(after.every((one) => !one.in));
  alone.leave();
  await turn();
  assert.ok(after.every((one) => one.in));
});

test("two that want to be alone are in one after the other", async () => {
  const gate = makeGate();
  const [first, second] = [ask(gate, true), ask(gate, true)];
  await turn();
  assert.deepEqual([first.in, second.in], [true, false]);
  first.leave();
  await turn();
  assert.equal(second.in, true);
});

test("one that gives up holds nobody up", async () => {
  const gate = makeGate();
  const stop = new AbortController();
  const inside = ask(gate, false);
  const alone = ask(gate, true, stop.signal);
  const behind = ask(gate, false);
  const refused = assert.rejects(alone.entered, /enough/);
  await turn();
  assert.equal(behind.in, false);
  stop.abort(new Error("enough"));
  await refused;
  await turn();
  assert.equal(behind.in, true);
  assert.equal(inside.in, true);
});
