import type { ProjectionAnnouncement } from "@jetscribe/schema";
import assert from "node:assert/strict";
import { test } from "vitest";
import { noteProgress } from "./noteProjections.ts";

const word: ProjectionAnnouncement = {
  ...{ name: "logger", instance: "a", leading: true },
  ...{ seq: 5, caught_up: false },
};

function at() {
  let nowMs = 0;
  const stalledFor = noteProgress(() => nowMs);
  return (ms: number, over: Partial<ProjectionAnnouncement> = {}) => {
    nowMs = ms;
    return stalledFor({ ...word, ...over });
  };
}

test("a reader that does not get on has stood still since its last progress", () => {
  const say = at();
  assert.equal(say(1_000), 0);
  assert.equal(say(3_000), 2_000);
  assert.equal(say(9_000), 8_000);
  assert.equal(say(11_000, { seq: 6 }), 0);
  assert.equal(say(13_000, { seq: 6 }), 2_000);
  // It was set back, as after a lost tail.
  assert.equal(say(15_000, { seq: 2 }), 0);
});

test("a reader that has the whole log gets on, though nothing comes", () => {
  const say = at();
  assert.equal(say(1_000, { caught_up: true }), 0);
  assert.equal(say(9_000, { caught_up: true }), 0);
  assert.equal(say(11_000), 2_000);
});

test("announcements of trouble, of standbys and of the results service say nothing", () => {
  const say = at();
  assert.equal(say(1_000), 0);
  assert.equal(say(2_000, { seq: 0, error: "no disk" }), undefined);
  assert.equal(say(2_000, { seq: 9, leading: false }), undefined);
  assert.equal(say(2_000, { name: "results" }), undefined);
  assert.equal(say(3_000), 2_000);
});

test("each reader has its own progress", () => {
  const say = at();
  say(1_000);
  assert.equal(say(5_000, { name: "archive" }), 0);
  assert.equal(say(6_000), 5_000);
});
