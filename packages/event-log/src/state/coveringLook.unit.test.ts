import { projectionPatienceMs } from "@jetscribe/schema";
import assert from "node:assert/strict";
import { setImmediate as turn } from "node:timers/promises";
import { test } from "vitest";
import { makeCoveringLook, type Look } from "./taskStates.ts";

const end = { created: "then", lastSeq: 5, at: 0 };
const upTo = (seq: number): Look => ({
  checkpoint: { created: "then", seq, caughtUp: true },
  tasks: [],
});
/** A clock that stands still. */
const noTime = () => 0;

test("who comes while another one waits waits as well", async () => {
  let seq = 4;
  const look = () => Promise.resolve(upTo(seq));
  const coveringLook = makeCoveringLook({ look }, noTime);
  const first = coveringLook(end, []);
  await turn(); // it has looked
  const second = coveringLook(end, []);
  await turn();
  seq = 5;
  assert.deepEqual(await Promise.all([first, second]), [upTo(5), upTo(5)]);
});

test("a Redis that is away for a moment is waited for", async () => {
  let looks = 0;
  const look = () =>
    ++looks < 3
      ? Promise.reject(new Error("it is away"))
      : Promise.resolve(upTo(5));
  const coveringLook = makeCoveringLook({ look }, noTime);
  assert.deepEqual(await coveringLook(end, []), upTo(5));
});

test("what was waited for in vain is not waited for again until it has caught up", async () => {
  let seq = 4;
  let looks = 0;
  const look = () => {
    looks++;
    return Promise.resolve(upTo(seq));
  };
  const coveringLook = makeCoveringLook({ look }, () => 1_000 * looks);
  assert.equal(await coveringLook(end, []), undefined);
  looks = 0;
  assert.equal(await coveringLook(end, []), undefined);
  assert.equal(looks, 1);
  seq = 5;
  assert.deepEqual(await coveringLook(end, []), upTo(5));
  seq = 4;
  looks = 0;
  const waiting = coveringLook(end, []);
  seq = 5;
  assert.deepEqual(await waiting, upTo(5));
});

test("a look from before a stand-still is not the last one", async () => {
  let nowMs = 0;
  const look = () => {
    const seen = upTo(nowMs === 0 ? 4 : 5);
    nowMs = projectionPatienceMs;
    return Promise.resolve(seen);
  };
  const coveringLook = makeCoveringLook({ look }, () => nowMs);
  assert.deepEqual(await coveringLook(end, []), upTo(5));
});
