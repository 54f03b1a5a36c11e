import type { TaskAnswer } from "@jetscribe/event-log/state/taskStates";
import { evolve, isOpen, type TaskState } from "@jetscribe/schema";
import assert from "node:assert/strict";
import { describe, test } from "vitest";
import { expired, started } from "../task/outcomes.ts";
import { requestOf } from "../../test/workerTestKit.ts";
import { delivered, next, type Change, type HandState } from "./taskInHand.ts";

const event = { ...requestOf(), seq: 1, time: 1 };
const unproven = delivered({ event });
const { task } = unproven;
const start = { ...started(task, 1, "w1", 1), seq: 2, time: 1 };
const running = stateAfter(start);
const later = stateAfter({ ...started(task, 2, "w2", 1), seq: 3, time: 1 });
const ended = stateAfter({ ...expired(task, "w1", 2), seq: 3, time: 2 });

function stateAfter(event: Parameters<typeof evolve>[1]): TaskState {
  const state = evolve(task, event);
  assert.ok(state);
  return state;
}

/** What the log says, where it has this task. */
function answer(task: TaskState | undefined, asOf?: number): TaskAnswer {
  const known = { by: "log", asOf } as const;
  if (task === undefined) return { status: "absent", ...known };
  return isOpen(task)
    ? { status: "open", task, ...known }
    : { status: "ended", task, ...known };
}
const found = (task: TaskState | undefined, asOf = 200): Change => ({
  kind: "found",
  answer: answer(task, asOf),
});
const renewed = (task: TaskState | undefined, asOf = 200): Change => ({
  kind: "renewed",
  answer: answer(task, asOf),
});
const open = next(unproven, found(task, 100));
const after = (...changes: Change[]) => changes.reduce(next, open);
const recorded: Change = { kind: "recorded", event: start };
const doubted = (at: number): Change => ({ kind: "doubted", at });
const interrupted: Change = { kind: "interrupted", reason: "drain" };

/** What a state says besides its task. */
const shown = ({ task: _, ...state }: HandState) => state;

describe("a task in hand", () => {
  test("is not proven to be open by an answer that has no time, or is none", () => {
    for (const kind of ["found", "renewed"] as const)
      for (const stale of [answer(task), { status: "unknown" } as const])
        assert.deepEqual(shown(next(unproven, { kind, answer: stale })), {
          status: "unproven",
          doubtedAt: -Infinity,
        });
  });

  test("is open by a reading of the log, and by the latest of several", () => {
    for (const reading of [found, renewed]) {
      const proven = next(unproven, reading(task));
      assert.deepEqual(shown(proven), { status: "open", asOf: 200 });
      const late = next(proven, reading(task, 150));
      assert.deepEqual(shown(late), { status: "open", asOf: 200 });
    }
  });

  test("is not proven by a reading from before a doubt", () => {
    for (const reading of [found, renewed]) {
      const before = after(doubted(300), reading(task, 299));
      assert.deepEqual(shown(before), { status: "unproven", doubtedAt: 300 });
      const since = after(doubted(300), reading(task, 300));
      assert.deepEqual(shown(since), { status: "open", asOf: 300 });
    }
  });

  test("takes over what the log says, if it was asked between two steps of the work", () => {
    assert.deepEqual(after(found(later)).task, later);
    assert.deepEqual(after(recorded, renewed(task)).task, running);
    assert.deepEqual(after(recorded).task, running);
  });

  test("has ended by the log's word, and is broken off by it at a renewal", () => {
    assert.deepEqual(after(found(ended)), { status: "ended", task: ended });
    const broken = after(renewed(ended));
    assert.deepEqual(shown(broken), {
      status: "interrupted",
      reason: "outcome",
    });
  });

  test("is broken off where the log has lost its request", () => {
    for (const reading of [found, renewed])
      assert.deepEqual(shown(after(reading(undefined))), {
        status: "interrupted",
        reason: "vanished",
      });
  });

  test("that runs is broken off by a later start, and one that waits is not", () => {
    assert.deepEqual(shown(after(recorded, renewed(later))), {
      status: "interrupted",
      reason: "superseded",
    });
    assert.equal(after(renewed(later)).status, "open");
  });

  test("stays ended, and broken off for the first reason", () => {
    const more = [found(task), renewed(task), recorded, doubted(300)];
    const end = after(found(ended));
    for (const change of more) assert.equal(next(end, change), end);
    assert.equal(next(end, interrupted).status, "interrupted");
    const broken = after(interrupted);
    const again: Change = { kind: "interrupted", reason: "lease" };
    for (const change of [...more, again])
      assert.equal(next(broken, change), broken);
  });
});
