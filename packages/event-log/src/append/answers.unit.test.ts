import assert from "node:assert/strict";
import { test } from "vitest";
import { makeSilence } from "./answers.ts";

const makeClock = () => {
  const clock = { ms: 10_000, now: () => clock.ms };
  return clock;
};

test("one answer that is missing is no silence, several in a row are", () => {
  const clock = makeClock();
  const silence = makeSilence(clock.now);
  silence.missed();
  clock.ms = 14_000;
  assert.equal(silence.lasts(), false);
  silence.missed();
  assert.equal(silence.lasts(), true);
});

test("an answer ends it", () => {
  const clock = makeClock();
  const silence = makeSilence(clock.now);
  silence.missed();
  clock.ms = 14_000;
  silence.missed();
  silence.over();
  assert.equal(silence.lasts(), false);
  clock.ms = 15_000;
  silence.missed();
  assert.equal(silence.lasts(), false);
});

test("nobody asks any more: nothing is known any more", () => {
  const clock = makeClock();
  const silence = makeSilence(clock.now);
  silence.missed();
  clock.ms = 14_000;
  silence.missed();
  clock.ms = 30_000;
  assert.equal(silence.lasts(), false);
  clock.ms = 40_000;
  silence.missed();
  assert.equal(silence.lasts(), false);
});
