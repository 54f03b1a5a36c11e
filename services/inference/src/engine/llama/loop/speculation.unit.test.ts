import assert from "node:assert/strict";
import { test } from "vitest";
import { makeSpeculation, mostDrafted } from "./speculation.ts";

const writer = (streak?: number, most = 100) => ({ streak, most });

/** What a step costs, by its writers and drafted rows. */
interface Machine {
  stepMs: number;
  rowMs: number;
}

/** Steps of one writer whose guesses are right with this chance of a hundred; the lengths of their drafts. */
function run(
  speculation: ReturnType<typeof makeSpeculation>,
  { stepMs, rowMs }: Machine,
  steps: number,
  isRight: (step: number) => boolean,
): number[] {
  const lengths = [];
  let streak = 0;
  for (let step = 0; step < steps; step++) {
    const [length = 0] = speculation.plan([writer(streak)]);
    lengths.push(length);
    speculation.stepTook(1, length, stepMs + length * rowMs);
    for (let i = 0; i <= length; i++) {
      const right = isRight(step);
      speculation.guessed(streak, right);
      streak = right ? streak + 1 : 0;
      if (!right) break;
    }
  }
  return lengths;
}

const share = (lengths: number[], from: number) => {
  const last = lengths.slice(from);
  return last.filter((length) => length > 0).length / last.length;
};

test("`on` drafts wherever there is a guess, with few that write", () => {
  const { plan } = makeSpeculation("on");
  assert.deepEqual(plan([writer(9), writer(), writer(9, 2)]), [8, 0, 2]);
  assert.deepEqual(plan([writer(0), writer(1), writer(2)]), [3, 5, 7]);
  assert.deepEqual(plan([writer(0, 0), writer(0, -1)]), [0, 0]);
  assert.deepEqual(plan(Array(5).fill(writer(9))), [0, 0, 0, 0, 0]);
});

test("`auto` drafts more and more where guesses are right and rows are cheap", () => {
  const speculation = makeSpeculation("auto");
  const cheap = { stepMs: 10, rowMs: 1 };
  const lengths = run(speculation, cheap, 200, () => true);
  assert.equal(lengths[0], 0);
  assert.ok(share(lengths, 100) > 0.9);
  assert.equal(Math.max(...lengths), mostDrafted);
  // And measures a step without drafts now and then.
  assert.ok(share(lengths, 100) < 1);
});

test("`auto` goes off where guesses are wrong, and on again where they are right", () => {
  const speculation = makeSpeculation("auto");
  const machine = { stepMs: 10, rowMs: 2 };
  const wrong = run(speculation, machine, 200, () => false);
  assert.equal(share(wrong, 100), 0);
  const right = run(speculation, machine, 200, () => true);
  assert.ok(share(right, 100) > 0.9);
});

test("`auto` is off where a row costs as much as a step, but for a measurement now and then", () => {
  const speculation = makeSpeculation("auto");
  const dear = { stepMs: 10, rowMs: 10 };
  const lengths = run(speculation, dear, 400, () => true);
  assert.ok(share(lengths, 100) > 0 && share(lengths, 100) < 0.05);
  const cheap = { stepMs: 10, rowMs: 0.5 };
  run(speculation, cheap, 600, () => true);
  assert.ok(
    share(
      run(speculation, cheap, 100, () => true),
      0,
    ) > 0.9,
  );
});

test("`auto` weighs what a row costs against a step's share of each that writes", () => {
  const speculation = makeSpeculation("auto");
  for (let i = 0; i < 200; i++) speculation.guessed(100, true);
  const four = Array(4).fill(writer(100));
  speculation.stepTook(4, 0, 20);
  const trial = speculation.plan(four);
  assert.deepEqual(trial, Array(4).fill(mostDrafted));
  // 8 ms for a row, 5 ms for a token of a step.
  speculation.stepTook(4, 48, 20 + 48 * 8);
  assert.deepEqual(speculation.plan(four), [0, 0, 0, 0]);
  // One alone has its own measurements.
  speculation.stepTook(1, 0, 20);
  speculation.stepTook(1, 4, 20 + 4 * 8);
  assert.deepEqual(speculation.plan([writer(100)]), [mostDrafted]);
  // So have two, where a row costs more than a step.
  speculation.stepTook(2, 0, 20);
  speculation.stepTook(2, 4, 20 + 4 * 200);
  const two = [writer(100), writer(100)];
  assert.deepEqual(speculation.plan(two), [0, 0]);
  assert.deepEqual(speculation.plan([writer(100)]), [mostDrafted]);
});

test("`auto` goes by how often guesses are right after as many right ones", () => {
  const speculation = makeSpeculation("auto");
  for (let i = 0; i < 60; i++) {
    speculation.guessed(0, false);
    speculation.guessed(40, true);
  }
  speculation.stepTook(1, 0, 10);
  speculation.stepTook(1, 4, 14);
  assert.deepEqual(speculation.plan([writer(0)]), [0]);
  assert.deepEqual(speculation.plan([writer(40)]), [mostDrafted]);
});

test("a draft model is tried now and then, since its guesses are only checked where it makes them", () => {
  const { plan } = makeSpeculation("on", "model");
  assert.deepEqual(plan([writer(0), writer(9, 3)]), [4, 3]);
  const speculation = makeSpeculation("auto", "model");
  /** So many steps of 10 ms, 2 more for each guess; the lengths of their drafts. */
  function steps(count: number, right: boolean): number[] {
    return Array.from({ length: count }, () => {
      const [length = 0] = speculation.plan([writer(0)]);
      speculation.stepTook(1, length, 10 + 2 * length);
      for (let i = 0; i < (right ? length : Math.min(1, length)); i++)
        speculation.guessed(right ? i : 0, right);
      return length;
    });
  }
  const tries = [...steps(3_000, false).entries()]
    .filter(([, length]) => length === 4)
    .map(([step]) => step);
  const waits = tries.slice(1).map((step, i) => step - tries[i]!);
  // More and more seldom, once it is known to be wrong.
  assert.deepEqual(waits.slice(1), [128, 256, 512, 512, 512, 512]);
  assert.ok(share(steps(3_000, true), 2_900) > 0.9);
  // And soon again where it stops to pay.
  const again = steps(600, false).findLastIndex((length) => length > 0);
  assert.ok(again > 64, `${again}`);
});
