/** What a worker notices of its tasks at the renewals of their leases, in a real log. */
import { makeLogFollower } from "@jetscribe/event-log/state/followLog";
import { makeTaskStates } from "@jetscribe/event-log/state/taskStates";
import { leaseTimes, streams, type OutcomeEvent } from "@jetscribe/schema";
import { eventually } from "@jetscribe/testing";
import assert from "node:assert/strict";
import { describe, test } from "vitest";
import { makeHeldTasks } from "./heldTasks.ts";
import { reasonOf } from "../../test/reasonOf.ts";
import { crashedTooOften, started } from "../task/outcomes.ts";
import {
  makeStreams,
  patient,
  queue,
  requestOf,
  startSystem,
  type System,
} from "../../test/workerTestKit.ts";

const ackWaitMs = 3_000;

/** A task in hand whose renewals are all answered, and which hears of nothing but the log. */
async function hold({ broker, appender }: System, stack: AsyncDisposableStack) {
  const event = requestOf();
  const { seq } = await appender.append(event, queue, patient);
  const { stateOf } = stack.use(makeLogFollower(broker));
  // No projection: the log alone has to say it.
  const look = () => Promise.reject(new Error("no projection"));
  const states = makeTaskStates(broker, { look }, { fromLog: stateOf });
  const { renewEveryMs } = leaseTimes(ackWaitMs);
  // It goes on at renewals only: no stall of this process ends a lease.
  let clock = 0;
  const held = stack.use(
    makeHeldTasks({ ackWaitMs, states, now: () => clock }),
  );
  const inHand = held.hold({
    event: { ...event, seq, time: Date.now() / 1000 },
    queue,
    traceparent: undefined,
    freshAsOf: undefined,
    highWaterMark: undefined,
    renew: () => Promise.resolve(void (clock += renewEveryMs)),
    served: () => undefined,
    leaveSlot: () => undefined,
  });
  clock += renewEveryMs;
  return inHand;
}

describe("a task in hand", { concurrent: true }, () => {
  test("is broken off at the renewal that finds an outcome, as a cancel is one", async () => {
    await using system = await startSystem();
    await using stack = new AsyncDisposableStack();
    const inHand = await hold(system, stack);
    await eventually(() => inHand.state.status === "open");
    const outcome: OutcomeEvent = crashedTooOften(
      inHand.state.task,
      "other",
      1,
    );
    await system.appender.append(outcome, queue, patient);
    await eventually(() => reasonOf(inHand) === "outcome");
    assert.ok(inHand.signal.aborted);
  });

  test("is broken off at the renewal that finds its request gone from the log", async () => {
    await using system = await startSystem();
    await using stack = new AsyncDisposableStack();
    const inHand = await hold(system, stack);
    await eventually(() => inHand.state.status === "open");
    await system.broker.jsm.streams.delete(streams.events);
    await makeStreams(system.broker);
    await eventually(() => reasonOf(inHand) === "vanished");
  });

  test("that runs is broken off at the renewal that finds a later attempt", async () => {
    await using system = await startSystem();
    await using stack = new AsyncDisposableStack();
    const inHand = await hold(system, stack);
    for (const attempt of [1, 2]) {
      const event = started(inHand.state.task, attempt, `w${attempt}`, 1);
      const { seq } = await system.appender.append(event, queue, patient);
      if (attempt === 1)
        inHand.change({ kind: "recorded", event: { ...event, seq, time: 1 } });
    }
    await eventually(() => reasonOf(inHand) === "superseded");
  });
});
