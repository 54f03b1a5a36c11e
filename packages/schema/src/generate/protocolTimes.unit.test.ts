import assert from "node:assert/strict";
import { test } from "vitest";
import { announceEvery, goneAfter } from "./announcements.ts";
import * as times from "./protocolTimes.ts";

/** Each time is shorter than the next one. */
function rises(...ms: number[]): void {
  for (const [i, time] of ms.slice(1).entries())
    assert.ok(ms[i]! < time, `${ms[i]} ms is not shorter than ${time} ms`);
}

test("whoever misses three announcements is gone, however many workers there are", () => {
  assert.equal(times.goneAfterMs, 3 * times.announceEveryMs);
  for (const peers of [0, 1, 200, 201, 1_000]) {
    const every_ms = announceEvery(peers);
    assert.equal(goneAfter({ every_ms }), 3 * every_ms);
  }
  // A worker that doesn't say how often it announces itself.
  assert.equal(goneAfter({}), times.goneAfterMs);
});

test("a model loses its waiting tasks only after the workers of a thousand would be gone", () => {
  const ofAThousand = goneAfter({ every_ms: announceEvery(1_000) });
  rises(ofAThousand, times.modelUnservedAfterMs, times.readerGivenUpAfterMs);
});

test("a leader misses three beats before another one takes over", () => {
  rises(3 * times.leaderBeatEveryMs, times.leaderGoneAfterMs);
  // Gateways hear of the new leader before they call the projection away.
  rises(times.leaderGoneAfterMs + times.announceEveryMs, times.goneAfterMs);
});

test("an event that is published again meets its first copy in the broker's duplicate window", () => {
  const lastOf = (ms: number) => ms + times.publishTimeoutMs;
  rises(lastOf(times.repeatForMs), times.duplicateWindowMs);
  // The gateway's first publish has its own time-out before it is repeated.
  rises(
    times.publishTimeoutMs + lastOf(times.repeatRequestForMs),
    times.duplicateWindowMs,
  );
});

test("an outcome meets one that was stored since the task was surely open", () => {
  const { openForMs, repeatForMs, publishTimeoutMs } = times;
  rises(openForMs + repeatForMs + publishTimeoutMs, times.duplicateWindowMs);
  // The gateway looks the task up, and then publishes its cancel.
  const { projectionPatienceMs, gatewayLookUpMs, repeatCancelForMs } = times;
  rises(
    projectionPatienceMs + gatewayLookUpMs + repeatCancelForMs,
    times.duplicateWindowMs,
  );
});

test("a worker remembers a cancel for longer than the gateway tries to store it", () => {
  rises(
    times.repeatCancelForMs + times.publishTimeoutMs,
    times.rememberCancelForMs,
  );
});

test("two publishes in a row without an answer show that the broker stores nothing", () => {
  rises(
    times.storesNothingAfterMs,
    times.publishTimeoutMs,
    times.publishedAgainWithinMs,
  );
  rises(
    times.publishTimeoutMs + times.repeatRequestForMs,
    times.publishedAgainWithinMs,
  );
});

test("a starved task index reads on before it gives up a question, and answers before the asker gives up", () => {
  rises(
    2 * times.leaderBeatEveryMs,
    times.indexStarvedAfterMs,
    times.indexPatienceMs,
    times.indexAnswersWithinMs,
  );
  // The search that follows, where no index answers, has most of the time.
  rises(2 * times.indexAnswersWithinMs, times.gatewayLookUpMs);
  rises(2 * times.indexAnswersWithinMs, times.workerLookUpMs);
});

test("a task is found by the time in its id, be it ahead of the clock", () => {
  rises(times.taskIdAheadMs, times.taskIdOffByMs);
});

test("a queue that a gateway trusts is not removed before the request is in it", () => {
  const accepting =
    times.queueTrustedForMs + times.publishTimeoutMs + times.repeatRequestForMs;
  rises(accepting, times.queueIdleForMs);
});

test("the fallback look reads the log's end while the reading before is still good", () => {
  rises(2 * times.fallbackLookEveryMs, times.openForMs);
});

test("a lease survives one renewal without an answer, and a worker lets go before the lease ends", () => {
  for (const ackWaitMs of [1_500, 15_000, 60_000]) {
    const { renewEveryMs, provesForMs, checkEveryMs } =
      times.leaseTimes(ackWaitMs);
    assert.ok(2 * (renewEveryMs + checkEveryMs) <= provesForMs);
    rises(provesForMs + checkEveryMs, ackWaitMs);
  }
});

test("results ends an overdue task before /health tells of it", () => {
  rises(
    times.overdueLookEveryMs + times.publishTimeoutMs,
    times.overdueToldAfterS * 1_000,
  );
});

test("a started task is ended from outside once its worker is known to be gone and repeats nothing", () => {
  const endedAfterMs = times.endStartedAfterS * 1_000;
  rises(goneAfter({ every_ms: announceEvery(1_000) }), endedAfterMs);
  assert.ok(times.repeatForMs <= endedAfterMs);
});
