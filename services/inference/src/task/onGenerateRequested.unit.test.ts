import type { WorkItem } from "@jetscribe/event-log/work/consume";
import { evolve, type TaskState } from "@jetscribe/schema";
import assert from "node:assert/strict";
import { test } from "vitest";
import { holdTasks } from "../ownership/heldTasks.ts";
import { makeOnGenerateRequested, type Deps } from "./onGenerateRequested.ts";
import { crashedTooOften } from "./outcomes.ts";
import { queue, requestOf } from "../../test/workerTestKit.ts";

const event = { ...requestOf(), seq: 1, time: 1 };
const open = evolve(undefined, event);
assert.ok(open);
const outcome = crashedTooOften(open, "w1", 1);
const ended = evolve(open, { ...outcome, seq: 2, time: 2 });

/** What becomes of a task whose cancel was heard, where this is what the log has. */
async function heardCancelled(inLog: () => Promise<TaskState | undefined>) {
  const know = async () => ({ tasks: [await inLog()], asOf: 0 });
  using held = holdTasks({ ackWaitMs: 60_000, know });
  // Nothing else of it is asked for.
  const deps = { held, lookUp: { know }, wasCancelled: () => true };
  const handle = makeOnGenerateRequested(deps as unknown as Deps);
  return await handle({ event, queue } as WorkItem);
}

test("a cancel that was heard ends a task once it is in the log, and not before", async () => {
  const heard = {
    stored: await heardCancelled(() => Promise.resolve(ended)),
    notStored: await heardCancelled(() => Promise.resolve(open)),
    unknown: await heardCancelled(() => Promise.reject(new Error("no log"))),
  };
  assert.deepEqual(heard, {
    stored: { kind: "done" },
    notStored: { kind: "retry", afterMs: 1_000 },
    unknown: { kind: "retry", afterMs: 1_000 },
  });
});
