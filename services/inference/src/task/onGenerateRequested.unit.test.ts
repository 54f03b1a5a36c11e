import type { WorkItem } from "@jetscribe/event-log/work/consume";
import type { TaskAnswer } from "@jetscribe/event-log/state/taskStates";
import { evolve, isOpen } from "@jetscribe/schema";
import assert from "node:assert/strict";
import { test } from "vitest";
import { holdTasks } from "../ownership/heldTasks.ts";
import { makeOnGenerateRequested, type Deps } from "./onGenerateRequested.ts";
import { crashedTooOften } from "./outcomes.ts";
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
  using held = holdTasks({ ackWaitMs: 60_000, states });
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
