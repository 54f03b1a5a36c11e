import assert from "node:assert/strict";
import { test } from "vitest";
import { leaderOf } from "./leader.ts";

/** The others, by how long ago they were heard. */
const heard = (...ms: number[]) =>
  ms.map((one, i) => ({
    name: `other-${i}`,
    ...{ current: true, offline: false, lag: 0 },
    active: one * 1e6,
  }));
const of = (...ms: number[]) =>
  leaderOf({ leader: "it", leader_since: "then", replicas: heard(...ms) });

test("a leader that hears a majority is one", () => {
  const it = { node: "it", since: "then" };
  assert.deepEqual(of(5, 20_000), { ...it, silentMs: 5 });
  assert.deepEqual(of(0, 2_000), { ...it, silentMs: 2_000 });
  assert.deepEqual(of(9_000, 7, 3, 0), { ...it, silentMs: 7 });
});

test("one that hears too few, or has not heard them yet, may be none", () => {
  for (const silent of [
    [3_500, 20_000],
    [0, 0],
    [5, 0, 0, 9_000],
  ])
    assert.throws(() => of(...silent), /does not hear/);
});

test("a node that names no leader, or another one, is none", () => {
  const replicas = heard(5, 5);
  for (const leader of [{}, { leader: "" }, { leader: "other-1" }])
    assert.throws(() => leaderOf({ ...leader, replicas }), /does not lead/);
});

test("where there are no copies there is nothing to be sure of", () => {
  assert.equal(leaderOf({ leader: "it" }), undefined);
  assert.equal(leaderOf({ leader: "it", replicas: [] }), undefined);
});
