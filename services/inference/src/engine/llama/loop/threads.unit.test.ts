import type { EngineThreads } from "@jetscribe/schema";
import assert from "node:assert/strict";
import { describe, test } from "vitest";
import type { Batch } from "./batchClass.ts";
import { fixedThreads, makeThreads } from "./threads.ts";

const step: Batch = { kind: "together", tokens: 4, depth: 100 };

/** A machine on which batches take the ms that `msOf` says. */
function machine(
  { most, first }: { most: number; first: number },
  msOf: (threads: number, batch: Batch) => number,
) {
  let nowMs = 0;
  let cost = msOf;
  const changes: EngineThreads[] = [];
  const threads = makeThreads({
    ...{ most, first, now: () => nowMs },
    onChange: (choice) => changes.push(choice),
  });
  /** Decodes such batches for so long. */
  function run(forMs: number, batch = step) {
    const used = new Map<number, number>();
    for (const until = nowMs + forMs; nowMs < until;) {
      const count = threads.next(batch);
      const ms = cost(count, batch);
      used.set(count, (used.get(count) ?? 0) + ms);
      nowMs += ms;
      threads.took(batch, ms);
    }
    return used;
  }
  return {
    ...{ run, changes, choice: threads.choice },
    become: (other: typeof msOf) => void (cost = other),
  };
}

const quiet = (threads: number) => 4 / threads;
/** Another process has a core. */
const busy = (threads: number) => (threads === 1 ? 5 : 200);

describe("threads that are chosen while the engine runs", () => {
  test("become more where more are faster, and the reason is told", () => {
    const { run, choice, changes } = machine({ most: 8, first: 1 }, quiet);
    run(10_000);
    assert.equal(choice().together, 8);
    assert.match(
      changes[0]?.because ?? "",
      /^2 instead of 1 together, 4 to 7 rows: 2\.00/,
    );
    assert.equal(changes.at(-1)?.together, 8);
  });

  test("become more where no batch is like the one before", () => {
    const { run, choice } = machine({ most: 2, first: 1 }, (n, { tokens }) =>
      n === 1 ? tokens : tokens / 1.5,
    );
    for (let i = 0; i < 1_000; i++) run(1, { ...step, tokens: 4 + (i % 3) });
    assert.equal(choice().together, 2);
  });

  test("become more for short prompts, each piece of which stands deeper than the one before", () => {
    const { run, choice } = machine({ most: 2, first: 1 }, (n, { tokens }) =>
      n === 1 ? tokens / 12 : tokens / 18,
    );
    for (let i = 0; i < 600; i++)
      run(1, { kind: "prompts", tokens: 64, depth: 64 * (i % 5) });
    assert.equal(choice().prompts, 2);
  });

  test("cost little while they are tried in vain with batches that are never alike", () => {
    const { run, choice } = machine({ most: 2, first: 1 }, busy);
    let used = 0;
    for (let i = 0; i < 20_000; i++)
      used += run(1, { ...step, tokens: 2 + i }).get(2) ?? 0;
    assert.equal(choice().together, 1);
    assert.ok(used < 1_500, `${used} ms with two`);
  });

  test("become fewer where fewer are as fast", () => {
    const { run, choice } = machine({ most: 8, first: 8 }, () => 4);
    run(20_000);
    assert.equal(choice().together, 1);
  });

  test("stay where a change is worth less than a tenth", () => {
    const { run, choice, changes } = machine({ most: 2, first: 1 }, (n) =>
      n === 1 ? 4 : 3.8,
    );
    run(20_000);
    assert.equal(choice().together, 1);
    assert.deepEqual(changes, []);
  });

  test("stay where more are mostly faster, but not on the whole", () => {
    let batches = 0;
    const { run, changes } = machine({ most: 2, first: 1 }, (n) =>
      n === 1 ? 4 : ++batches % 4 === 0 ? 9.5 : 3,
    );
    run(20_000);
    assert.deepEqual(changes, []);
  });

  test("become more where more are faster but for a batch that is disturbed now and then", () => {
    let batches = 0;
    const { run, choice } = machine({ most: 2, first: 1 }, (n) =>
      n === 1 ? 4 : ++batches % 12 === 0 ? 12 : 2,
    );
    run(1_500);
    assert.equal(choice().together, 2);
  });

  test("are chosen for each kind of batch by itself", () => {
    const { run, choice } = machine({ most: 4, first: 1 }, (n, { kind }) =>
      kind === "prompts" ? 60 / n : 4,
    );
    for (let i = 0; i < 100; i++) {
      run(40);
      run(100, { kind: "prompts", tokens: 200, depth: i * 10 });
    }
    const { together, prompts } = choice();
    assert.deepEqual({ together, prompts }, { together: 1, prompts: 4 });
  });

  test("are chosen for steps of few and of many rows by themselves", () => {
    const costOf = (n: number, { tokens }: Batch) => tokens / n + (n - 1) * 3;
    const { run, choice } = machine({ most: 2, first: 1 }, costOf);
    const chosen = (tokens: number) => {
      run(40, { ...step, tokens });
      return choice().together;
    };
    for (let i = 0; i < 100; i++) [4, 16].map(chosen);
    assert.deepEqual([4, 5, 16, 24].map(chosen), [1, 1, 2, 2]);
  });

  test("become fewer within a second when other work comes, for all kinds", () => {
    const { run, choice, changes, become } = machine(
      { most: 2, first: 2 },
      quiet,
    );
    run(3_000);
    become(busy);
    const used = run(1_000);
    assert.ok((used.get(2) ?? 0) <= 500, `${used.get(2)} ms with two`);
    assert.deepEqual(
      { ...choice(), because: "" },
      { alone: 1, together: 1, prompts: 1, because: "" },
    );
    assert.match(changes.at(-1)?.because ?? "", / 1?\d\d times what is usual/);
  });

  test("become more again when the machine is quiet", () => {
    const { run, choice, become } = machine({ most: 2, first: 2 }, quiet);
    run(3_000);
    become(busy);
    run(10_000);
    assert.equal(choice().together, 1);
    become(quiet);
    run(31_000);
    assert.equal(choice().together, 2);
  });

  test("are not lowered again and again where other work comes and goes", () => {
    const { run, changes, become } = machine({ most: 2, first: 1 }, quiet);
    let used = 0;
    for (let i = 0; i < 60; i++) {
      become(quiet);
      run(3_000);
      become(busy);
      used += run(1_000).get(2) ?? 0;
    }
    const lowered = changes.filter(({ together }) => together === 1).length;
    assert.ok(lowered >= 2 && lowered < 12, `lowered ${lowered} times`);
    assert.ok(used < 6_000, `${used} ms with two`);
  });

  test("cost little while they are tried in vain", () => {
    const { run } = machine({ most: 2, first: 1 }, busy);
    const used = run(120_000);
    assert.ok((used.get(2) ?? 0) < 1_500, `${used.get(2)} ms with two`);
  });

  test("are not tried for another kind soon after they were given up for one", () => {
    const { run } = machine({ most: 2, first: 1 }, busy);
    run(700);
    assert.equal(run(700, { ...step, kind: "alone" }).get(2), undefined);
    assert.ok(run(1_000, { ...step, kind: "alone" }).get(2));
  });

  test("stay where a short prompt costs more for each token than a long one", () => {
    const { run, changes } = machine({ most: 2, first: 2 }, (n, { tokens }) =>
      n === 1 ? 80 + tokens : 40 + tokens / 2,
    );
    run(3_000, { kind: "prompts", tokens: 150, depth: 0 });
    run(3_000, { kind: "prompts", tokens: 10, depth: 0 });
    assert.deepEqual(changes, []);
  });

  test("stay where no batch that was tried is like one of the present number", () => {
    const { run, changes } = machine({ most: 2, first: 2 }, () => 4);
    for (let i = 0; i < 5_000; i++) run(1, { ...step, tokens: 16 + i });
    assert.deepEqual(changes, []);
  });

  test("are decided in a few steps where these are long", () => {
    const { run, choice } = machine({ most: 2, first: 1 }, (n) => 40 / n);
    run(500);
    run(150);
    assert.equal(choice().together, 2);
    const used = run(60_000);
    assert.ok((used.get(1) ?? 0) < 1_200, `${used.get(1)} ms with one`);
  });

  test("cost a fiftieth of the time at most while fewer are tried in vain", () => {
    const { run, choice } = machine({ most: 2, first: 2 }, (n) => 800 / n);
    run(10_000);
    const used = run(100_000).get(1) ?? 0;
    assert.equal(choice().together, 2);
    // A batch with one takes twice as long.
    assert.ok(used / 2 <= 2_000 + 800, `${used} ms with one`);
  });

  test("are as many for larger batches where more pay for small ones", () => {
    const { run, choice } = machine({ most: 2, first: 1 }, quiet);
    run(1_000, { ...step, kind: "alone", tokens: 1 });
    assert.equal(run(100).get(1), undefined);
    assert.deepEqual(
      { ...choice(), because: "" },
      { alone: 2, together: 2, prompts: 2, because: "" },
    );
  });

  test("return soon, for all kinds, to the number that was lowered", () => {
    const { run, choice, become } = machine({ most: 2, first: 2 }, quiet);
    run(3_000);
    become(busy);
    run(400);
    assert.equal(choice().together, 1);
    become(quiet);
    run(1_000);
    const { alone, together, prompts } = choice();
    assert.deepEqual([alone, together, prompts], [2, 2, 2]);
  });

  test("are not changed by single batches that take long, nor by a context that grows", () => {
    let batches = 0;
    const { run, changes } = machine({ most: 2, first: 2 }, (n, { depth }) =>
      ++batches % 100 === 0 ? 20 : (4 + depth / 50) / n,
    );
    for (let depth = 1; depth < 8_000; depth += 8) run(20, { ...step, depth });
    assert.deepEqual(changes, []);
  });
});

test("a number that was asked for stays", () => {
  const threads = fixedThreads(3);
  for (let i = 0; i < 100; i++) {
    assert.equal(threads.next(step), 3);
    threads.took(step, i % 2 === 0 ? 1 : 1_000);
  }
});
