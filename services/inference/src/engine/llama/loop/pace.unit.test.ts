import assert from "node:assert/strict";
import { test } from "vitest";
import { makePace } from "./pace.ts";

test("beside others that write, a piece takes two and a half of their steps", () => {
  const pace = makePace();
  pace.readTook("tiles", 256, 25.6);
  pace.stepTook(4);
  assert.equal(pace.pieceLimit("tiles", { writers: 2, short: 9 }), 100);
});

test("short prompts take longer where more of them wait than write, four times as long at most", () => {
  const pace = makePace();
  pace.readTook("tiles", 256, 2_560);
  pace.readTook("short", 10, 1_000);
  pace.readTook("short", 20, 2);
  pace.stepTook(4);
  const limit = (writers: number, short: number) =>
    pace.pieceLimit("short", { writers, short });
  assert.equal(limit(2, 6), 400);
  assert.equal(limit(8, 2), 125);
  assert.equal(limit(4, 4), 200);
  assert.equal(limit(1, 15), 400);
  assert.equal(limit(1, 1_000), 400);
  assert.equal(limit(0, 5), 2_000);
});

test("a piece alone takes as long as a cancel may wait", () => {
  const pace = makePace();
  pace.readTook("tiles", 256, 256);
  assert.equal(pace.pieceLimit("tiles", { writers: 0, short: 0 }), 200);
  pace.stepTook(1_000);
  assert.equal(pace.pieceLimit("tiles", { writers: 2, short: 9 }), 200);
});

test("a piece is never so short that it would be read in another way", () => {
  const pace = makePace();
  pace.readTook("tiles", 256, 2_560);
  pace.stepTook(10);
  assert.equal(pace.pieceLimit("tiles", { writers: 2, short: 9 }), 64);
});

test("what is measured counts, a single disturbance hardly, and a short prompt not at all", () => {
  const pace = makePace();
  assert.equal(pace.pieceLimit("tiles", { writers: 2, short: 9 }), 256);
  pace.readTook("tiles", 128, 12.8);
  pace.readTook("short", 10, 1_000);
  for (let i = 0; i < 50; i++) pace.stepTook(8);
  assert.equal(pace.pieceLimit("tiles", { writers: 2, short: 9 }), 200);
  pace.stepTook(5_000);
  assert.ok(pace.pieceLimit("tiles", { writers: 2, short: 9 }) <= 320);
  for (let i = 0; i < 50; i++) pace.stepTook(4);
  assert.equal(pace.pieceLimit("tiles", { writers: 2, short: 9 }), 100);
});
