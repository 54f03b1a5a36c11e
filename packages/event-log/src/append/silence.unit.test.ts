import assert from "node:assert/strict";
import { test } from "vitest";
import { makeSilence } from "./silence.ts";

test("one answer that is missing is no silence, several in a row are", () => {
  const silence = makeSilence();
  silence.missed(10_000);
  assert.equal(silence.lasts(14_000), false);
  silence.missed(14_000);
  assert.equal(silence.lasts(14_000), true);
});

test("an answer ends it", () => {
  const silence = makeSilence();
  silence.missed(10_000);
  silence.missed(14_000);
  silence.over();
  assert.equal(silence.lasts(14_000), false);
  silence.missed(15_000);
  assert.equal(silence.lasts(15_000), false);
});

test("nobody asks any more: nothing is known any more", () => {
  const silence = makeSilence();
  silence.missed(10_000);
  silence.missed(14_000);
  assert.equal(silence.lasts(30_000), false);
  silence.missed(40_000);
  assert.equal(silence.lasts(40_000), false);
});
