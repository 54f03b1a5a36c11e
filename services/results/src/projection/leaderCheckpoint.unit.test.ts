import type { Checkpoint } from "@jetscribe/task-store";
import assert from "node:assert/strict";
import { setImmediate as turn } from "node:timers/promises";
import { test } from "vitest";
import { makeLeaderCheckpoint } from "./leaderCheckpoint.ts";
import { noOpenWork } from "./projectTasks.ts";

const found: Checkpoint = {
  ...{ created: "2026-01-01T00:00:00Z", seq: 9, id: "a.requested" },
  ...{ caughtUp: true, beat: 1, bytes: 0, open: noOpenWork },
};

/** A Redis that has this checkpoint; after `loseAnswer`, it does the next step and the answer is lost. */
function redisWith(first: Checkpoint) {
  let stored: Checkpoint | undefined = first;
  let isLost = false;
  type Move = { expected: Checkpoint | undefined; next: Checkpoint };
  function move({ expected, next }: Move): Promise<boolean> {
    if (expected !== stored) return Promise.resolve(false);
    stored = next;
    if (!isLost) return Promise.resolve(true);
    isLost = false;
    return Promise.reject(new Error("the connection is closed"));
  }
  return {
    look: () => Promise.resolve(stored),
    empty: () => void (stored = undefined),
    loseAnswer: () => void (isLost = true),
    writer: { commit: move, clear: move },
  };
}

test("a step whose answer was lost is known as the leader's own, though others were queued behind it", async () => {
  const redis = redisWith(found);
  const own = makeLeaderCheckpoint(redis.writer, found);
  redis.loseAnswer();
  const steps = [own.advance({ seq: 10 }), own.advance({}), own.advance({})];
  for (const step of steps) await assert.rejects(step, /connection is closed/);
  assert.ok(await own.resume(redis.look));
  await own.advance({ seq: 11 });
  assert.equal((await redis.look())?.seq, 11);
});

test("another leader's checkpoint is not the leader's own", async () => {
  const redis = redisWith({ ...found, beat: 7 });
  const own = makeLeaderCheckpoint(redis.writer, found);
  await assert.rejects(own.advance({}), /changed by somebody else/);
  assert.equal(await own.resume(redis.look), false);
});

test("where there is no checkpoint any more, the leader begins anew", async () => {
  const redis = redisWith(found);
  const own = makeLeaderCheckpoint(redis.writer, found);
  redis.empty();
  await assert.rejects(own.advance({}), /changed by somebody else/);
  assert.ok(await own.resume(redis.look));
  await own.restart(undefined, { ...found, seq: 0 });
  await own.advance({ seq: 1 });
  assert.equal((await redis.look())?.seq, 1);
});

test("the leader looks at what is stored once no step of its own is under way", async () => {
  let stored = found;
  const answer = Promise.withResolvers<boolean>();
  const commit = async ({ next }: { next: Checkpoint }) => {
    const isDone = await answer.promise;
    stored = next;
    return isDone;
  };
  const own = makeLeaderCheckpoint({ commit, clear: commit }, found);
  const step = own.advance({});
  // The answer to the look comes after the step's, also where it was of before.
  const resumed = own.resume(async () => {
    const seen = stored;
    await turn();
    return seen;
  });
  answer.resolve(true);
  await step;
  assert.ok(await resumed);
  assert.equal(own.get()?.beat, found.beat + 1);
});
