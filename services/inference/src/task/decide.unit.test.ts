import {
  evolve,
  newTaskId,
  type GenerateRequested,
  type TaskEvent,
  type TaskState,
} from "@jetscribe/schema";
import assert from "node:assert/strict";
import { describe, test } from "vitest";
import type { Witness } from "../ownership/peers.ts";
import { decide } from "./decide.ts";
import { completed, retried, started } from "./outcomes.ts";

const limits = { workerId: "me", maxAttempts: 3, ackWaitMs: 15_000 };
const silence: Witness = {
  named: false,
  silenceProvesInMs: 0,
  isHeard: () => false,
  now: 1.5,
};

type Step = (task: TaskState) => TaskEvent;

/** A task after events that are made from its state so far. */
const given = (...events: Step[]): TaskState => asked({}, ...events);

/** The same, of a request that asks for more than most do. */
function asked(more: Partial<GenerateRequested>, ...events: Step[]): TaskState {
  const task_id = newTaskId();
  const first = evolve(undefined, {
    type: "GenerateRequested",
    data: {
      task_id,
      model: "demo",
      lane: "interactive",
      owner: "default",
      prompt: "x",
      params: { max_tokens: 1, temperature: 0, top_p: 1 },
      timeout_ms: 1_000,
      start_timeout_ms: 1_000,
      enqueue_time: 1,
      ...more,
    },
    seq: 1,
    time: 1,
  });
  assert.ok(first);
  return events.reduce((task, event, i) => {
    const after = evolve(task, { ...event(task), seq: i + 2, time: i + 2 });
    assert.ok(after);
    return after;
  }, first);
}
const startedBy = (worker: string) => (task: TaskState) =>
  started(task, task.attempt + 1, worker, 2);
const endedBecause =
  (reason: "gone" | "lease" | "drain") => (task: TaskState) =>
    retried(task, { reason }, "other", 3);
const failedOnce = [startedBy("other"), endedBecause("gone")];
const done = (task: TaskState) =>
  completed(
    task,
    "other",
    {
      text: "y",
      finishReason: "stop",
      promptTokens: 1,
      completionTokens: 1,
      cachedTokens: 0,
      seed: 1,
    },
    { slots: 1, contextSize: 1, engine: "fake" },
    { now: 4, params: { max_tokens: 1, temperature: 0, top_p: 1 } },
  );

describe("a delivered task", () => {
  test("that was never started is started", () => {
    const plan = { kind: "start", attempt: 1, alone: false };
    assert.deepEqual(decide(given(), silence, limits), plan);
  });

  test("that was never started is started even where another worker names it", () => {
    const witness = { ...silence, named: true };
    assert.equal(decide(given(), witness, limits).kind, "start");
  });

  test("that waited too long expires, but not once it was started", () => {
    const witness = { ...silence, now: 2 };
    assert.deepEqual(decide(given(), witness, limits), { kind: "expire" });
    const { kind } = decide(given(...failedOnce), witness, limits);
    assert.equal(kind, "start");
  });

  test("with an outcome is acknowledged, whatever the workers say", () => {
    const task = given(startedBy("other"), done);
    const witness = { ...silence, named: true };
    assert.deepEqual(decide(task, witness, limits), { kind: "acknowledge" });
  });

  test("that was retried is started as the next attempt", () => {
    const task = given(startedBy("other"), endedBecause("drain"));
    const plan = { kind: "start", attempt: 2, alone: false };
    assert.deepEqual(decide(task, silence, limits), plan);
  });

  test("that was retried comes back while a worker names it", () => {
    const witness = { ...silence, named: true };
    const plan = { kind: "hand back", afterMs: 15_000 };
    assert.deepEqual(decide(given(...failedOnce), witness, limits), plan);
  });

  test("with one failure left is not alone where the engine is elsewhere", () => {
    const task = given(...failedOnce, ...failedOnce);
    const elsewhere = { ...limits, engineIsElsewhere: true };
    const plan = { kind: "start", attempt: 3, alone: false };
    assert.deepEqual(decide(task, silence, elsewhere), plan);
  });

  test("with one failure left is started alone", () => {
    const task = given(...failedOnce, ...failedOnce);
    const plan = { kind: "start", attempt: 3, alone: true };
    assert.deepEqual(decide(task, silence, limits), plan);
  });

  test("that failed too often is given up", () => {
    const task = given(...failedOnce, ...failedOnce, ...failedOnce);
    assert.deepEqual(decide(task, silence, limits), { kind: "give up" });
  });

  test("that is not to be retried is given up after its first failure, and only then", () => {
    const noRetry = { no_retry: true };
    const first = { kind: "start", attempt: 1, alone: false };
    assert.deepEqual(decide(asked(noRetry), silence, limits), first);
    const failed = asked(noRetry, ...failedOnce);
    assert.deepEqual(decide(failed, silence, limits), { kind: "give up" });
    for (const reason of ["drain", "lease"] as const) {
      const handedOn = asked(noRetry, startedBy("other"), endedBecause(reason));
      const second = { kind: "start", attempt: 2, alone: false };
      assert.deepEqual(decide(handedOn, silence, limits), second);
    }
  });

  test("whose deadline is over is cancelled, started or not, unless a living worker has it", () => {
    const hurried = { cancel_after_ms: 500 };
    const soon = { ...silence, now: 1.499 };
    const late = { ...silence, now: 1.5 };
    const cancel = { kind: "cancel", because: "deadline" };
    assert.equal(decide(asked(hurried), soon, limits).kind, "start");
    assert.deepEqual(decide(asked(hurried), late, limits), cancel);
    const handedOn = [startedBy("other"), endedBecause("drain")];
    const waits = asked(hurried, ...handedOn);
    assert.equal(decide(waits, soon, limits).kind, "start");
    assert.deepEqual(decide(waits, late, limits), cancel);
    const named = { ...late, named: true };
    assert.equal(decide(waits, named, limits).kind, "hand back");
    const crashed = asked({ ...hurried, no_retry: true }, ...failedOnce);
    assert.equal(decide(crashed, soon, limits).kind, "give up");
    // Where it may wait no longer either, what comes first counts.
    const longer = asked({ cancel_after_ms: 1_001 });
    const later = { ...silence, now: 3 };
    assert.equal(decide(longer, later, limits).kind, "expire");
  });

  test("counts no drain and no lost lease as a failure", () => {
    const drained = [startedBy("other"), endedBecause("drain")];
    const leased = [startedBy("other"), endedBecause("lease")];
    const task = given(...drained, ...leased, ...drained, ...leased);
    const plan = { kind: "start", attempt: 5, alone: false };
    assert.deepEqual(decide(task, silence, limits), plan);
  });

  test("of a running attempt comes back while it is named", () => {
    const witness = { ...silence, named: true, isHeard: () => true };
    const plan = { kind: "hand back", afterMs: 15_000 };
    assert.deepEqual(decide(given(startedBy("other")), witness, limits), plan);
  });

  test("of a silent worker comes back until silence proves something", () => {
    const witness = { ...silence, silenceProvesInMs: 4_000 };
    const plan = { kind: "hand back", afterMs: 4_000 };
    assert.deepEqual(decide(given(startedBy("other")), witness, limits), plan);
  });

  test("of a worker that is gone is taken over as a failure", () => {
    const plan = { kind: "take over", reason: "gone", from: "other" };
    assert.deepEqual(decide(given(startedBy("other")), silence, limits), plan);
  });

  test("of a worker that lives, but does not name it, waits for a newer announcement", () => {
    const witness = { ...silence, isHeard: (id: string) => id === "other" };
    const plan = { kind: "await announcement", workerId: "other" };
    assert.deepEqual(decide(given(startedBy("other")), witness, limits), plan);
  });

  test("that its worker left out is taken over, and that is no failure", () => {
    const witness = { ...silence, isHeard: () => true, leftOutBy: "other" };
    const plan = { kind: "take over", reason: "lease", from: "other" };
    assert.deepEqual(decide(given(startedBy("other")), witness, limits), plan);
  });

  test("of our own, which we lost, is taken over, and that is no failure", () => {
    const witness = { ...silence, silenceProvesInMs: 4_000 };
    const plan = { kind: "take over", reason: "lease", from: "me" };
    assert.deepEqual(decide(given(startedBy("me")), witness, limits), plan);
  });
});
