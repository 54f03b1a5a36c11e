import { announceEvery, type WorkerAnnouncement } from "@jetscribe/schema";
import assert from "node:assert/strict";
import { test } from "vitest";
import { makePeers } from "./peers.ts";

const says = (
  worker_id: string,
  tasks: string[],
  leaving = false,
): WorkerAnnouncement => ({
  worker_id,
  model: "demo",
  engine: "fake",
  model_loaded: true,
  slots: 1,
  tasks,
  leaving,
});

function peersAt(start = 0) {
  const clock = { now: start };
  return { clock, peers: makePeers("me", () => clock.now) };
}

test("a worker names its tasks for six seconds", () => {
  const { clock, peers } = peersAt();
  peers.heard(says("a", ["t1"]));
  clock.now = 5_999;
  assert.equal(peers.witnessOf("t1").named, true);
  assert.equal(peers.witnessOf("t2").named, false);
  assert.equal(peers.witnessOf("t1").isHeard("a"), true);
  clock.now = 6_000;
  assert.equal(peers.witnessOf("t1").named, false);
  assert.equal(peers.witnessOf("t1").isHeard("a"), false);
});

test("a worker of many, which announces itself less often, is gone after three of its own periods", () => {
  const { clock, peers } = peersAt();
  peers.heard(says("near", []));
  peers.heard({ ...says("far", ["t1"]), every_ms: 10_000 });
  clock.now = 29_999;
  assert.equal(peers.witnessOf("t1").isHeard("near"), false);
  assert.equal(peers.witnessOf("t1").named, true);
  clock.now = 30_000;
  assert.equal(peers.witnessOf("t1").named, false);
  // One that was not heard yet may be as slow, also after a break.
  peers.heard({ ...says("far", []), every_ms: 10_000 });
  peers.listenAnew();
  clock.now = 36_000;
  assert.equal(peers.witnessOf("t1").silenceProvesInMs, 24_000);
  assert.equal(peers.count(), 0);
});

test("up to 200 workers announce themselves every two seconds; of more each does so less often", () => {
  assert.deepEqual(
    [0, 200, 300, 1_000].map(announceEvery),
    [2_000, 2_000, 3_000, 10_000],
  );
});

test("the last word counts", () => {
  const { peers } = peersAt();
  peers.heard(says("a", ["t1"]));
  peers.heard(says("a", ["t2"]));
  assert.equal(peers.witnessOf("t1").named, false);
  assert.equal(peers.witnessOf("t2").named, true);
});

test("a worker that leaves is not waited for", () => {
  const { peers } = peersAt();
  peers.heard(says("a", ["t1"]));
  peers.heard(says("a", ["t1"], true));
  assert.equal(peers.witnessOf("t1").named, false);
  assert.equal(peers.witnessOf("t1").isHeard("a"), false);
});

test("what we say ourselves is no witness", () => {
  const { peers } = peersAt();
  peers.heard(says("me", ["t1"]));
  assert.equal(peers.witnessOf("t1").named, false);
});

test("silence proves nothing before it lasted six seconds, and anew after a break", () => {
  const { clock, peers } = peersAt();
  clock.now = 4_000;
  assert.equal(peers.witnessOf("t1").silenceProvesInMs, 2_000);
  clock.now = 7_000;
  assert.equal(peers.witnessOf("t1").silenceProvesInMs, 0);
  peers.heard(says("a", ["t1"]));
  peers.listenAnew();
  assert.equal(peers.witnessOf("t1").silenceProvesInMs, 6_000);
  assert.equal(peers.witnessOf("t1").named, false);
});

test("a worker that is heard announces itself before it would be gone", () => {
  const { peers } = peersAt();
  peers.heard({ ...says("far", []), every_ms: 10_000 });
  assert.equal(peers.goneAfterMs("far"), 30_000);
  assert.equal(peers.goneAfterMs("unheard"), 6_000);
});
