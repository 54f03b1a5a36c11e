import type { TaskAnswer } from "@jetscribe/event-log/state/taskStates";
import type { WorkItem } from "@jetscribe/event-log/work/consume";
import { elapsedMs } from "@jetscribe/event-log/broker/elapsed";
import { evolve, isOpen, type TaskEvent } from "@jetscribe/schema";
import assert from "node:assert/strict";
import { test } from "vitest";
import { makeHeldTasks } from "../ownership/heldTasks.ts";
import { expired, started } from "./outcomes.ts";
import { makeRecord } from "./record.ts";
import { reasonOf } from "../../test/reasonOf.ts";
import { queue, requestOf } from "../../test/workerTestKit.ts";

const event = { ...requestOf(), seq: 1, time: 1 };
const waiting = evolve(undefined, event);
assert.ok(waiting && isOpen(waiting));
const running = evolve(waiting, {
  ...{ ...started(waiting, 1, "other", 2), seq: 2, time: 2 },
});
assert.ok(running && isOpen(running));

/**
 * Lets a task expire that the projection showed as waiting a moment ago. `freshAsOf`: its delivery proves that; `inLog`:
 * what the log has by now.
 */
async function expire({
  freshAsOf,
  inLog = waiting,
}: {
  freshAsOf?: number;
  inLog?: typeof waiting;
}) {
  assert.ok(waiting && isOpen(waiting) && inLog && isOpen(inLog));
  const appended: TaskEvent["type"][] = [];
  let looks = 0;
  const surely = (): Promise<TaskAnswer> => {
    looks++;
    return Promise.resolve({
      ...({ status: "open", task: inLog, by: "log" } as const),
      asOf: elapsedMs(),
    });
  };
  const record = makeRecord({
    clock: { nowS: () => 700 },
    appender: {
      append: ({ type }: TaskEvent) => {
        appended.push(type);
        return Promise.resolve({ seq: 3, duplicate: false });
      },
    },
    states: { surely },
    workerId: "me",
  } as unknown as Parameters<typeof makeRecord>[0]);
  const states = { surelyAll: () => assert.fail("no renewal is due") };
  using held = makeHeldTasks({ ackWaitMs: 60_000, states });
  using inHand = held.hold({ event, queue, freshAsOf } as WorkItem);
  const answer = { status: "open", task: waiting, by: "projection" } as const;
  inHand.change({ kind: "found", answer: { ...answer, asOf: elapsedMs() } });
  await record
    .conclude(inHand, expired(waiting, "me", 700))
    .catch((error: unknown) => assert.ok(inHand.signal.aborted, String(error)));
  return { appended, looks, interrupted: reasonOf(inHand) };
}

test("a task that was started after the projection was read does not expire", async () => {
  assert.deepEqual(await expire({ inLog: running }), {
    ...{ appended: [], looks: 1, interrupted: "superseded" },
  });
});

test("a task expires that the log still has as never started", async () => {
  assert.deepEqual(await expire({}), {
    ...{ appended: ["GenerateFailed"], looks: 1, interrupted: undefined },
  });
});

test("a first delivery needs no look to expire", async () => {
  assert.deepEqual(await expire({ freshAsOf: elapsedMs() }), {
    ...{ appended: ["GenerateFailed"], looks: 0, interrupted: undefined },
  });
});
