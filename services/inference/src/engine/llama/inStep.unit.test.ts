import assert from "node:assert/strict";
import { setImmediate as turn } from "node:timers/promises";
import { test } from "vitest";
import { makeSteps } from "./inStep.ts";

/** Which members have begun a step, in order. */
function start(names: string[]) {
  const steps = makeSteps();
  const begun: string[] = [];
  const members = names.map((name, slot) => {
    const step = steps.member(slot);
    const next = () => void step.next().then(() => begun.push(name));
    return { next, leave: () => step[Symbol.dispose]() };
  });
  return { members, begun };
}

test("one alone goes on at once", async () => {
  const { members, begun } = start(["a"]);
  members[0]?.next();
  members[0]?.next();
  await turn();
  assert.deepEqual(begun, ["a", "a"]);
});

test("who comes in the middle of a step begins with the next one, together with all and in the slots' order", async () => {
  const { members, begun } = start(["a", "b", "c"]);
  const [a, b, c] = members;
  a?.next();
  await turn();
  b?.next();
  c?.next();
  await turn();
  assert.deepEqual(begun, ["a"]);
  a?.next();
  await turn();
  assert.deepEqual(begun, ["a", "a", "b", "c"]);
  c?.next();
  b?.next();
  await turn();
  assert.equal(begun.length, 4);
  a?.next();
  await turn();
  assert.deepEqual(begun.slice(4), ["a", "b", "c"]);
});

test("who leaves is not waited for, whether it was in the step or not", async () => {
  const { members, begun } = start(["a", "b", "c"]);
  const [a, b, c] = members;
  c?.leave();
  a?.next();
  await turn();
  b?.next();
  await turn();
  assert.deepEqual(begun, ["a"]);
  a?.leave();
  await turn();
  assert.deepEqual(begun, ["a", "b"]);
  b?.next();
  await turn();
  assert.deepEqual(begun, ["a", "b", "b"]);
});
