import assert from "node:assert/strict";
import { test } from "vitest";
import { makePace } from "./pace.ts";

test("beside others that write, a piece takes two and a half of their steps", () => {
  const pace = makePace();
  pace.readTook(256, 25.6);
  pace.stepTook(4);
  assert.equal(pace.pieceLimit({ writes: true }), 100);
});

test("a piece alone takes as long as a cancel may wait", () => {
  const pace = makePace();
  pace.readTook(256, 256);
  assert.equal(pace.pieceLimit({ writes: false }), 200);
  pace.stepTook(1_000);
  assert.equal(pace.pieceLimit({ writes: true }), 200);
});

test("a piece is never so short that it would be read in another way", () => {
  const pace = makePace();
  pace.readTook(256, 2_560);
  pace.stepTook(10);
  assert.equal(pace.pieceLimit({ writes: true }), 64);
});

test("what is measured counts, a single disturbance hardly, and a short prompt not at all", () => {
  const pace = makePace();
  assert.equal(pace.pieceLimit({ writes: true }), 256);
  pace.readTook(128, 12.8);
  pace.readTook(10, 1_000);
  for (let i = 0; i < 50; i++) pace.stepTook(8);
  assert.equal(pace.pieceLimit({ writes: true }), 200);
  pace.stepTook(5_000);
  assert.ok(pace.pieceLimit({ writes: true }) <= 320);
  for (let i = 0; i < 50; i++) pace.stepTook(4);
  assert.equal(pace.pieceLimit({ writes: true }), 100);
});
