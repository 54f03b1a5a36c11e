import assert from "node:assert/strict";
import { test } from "vitest";
import { heardWithin } from "./heardWithin.ts";

const clock = { ms: 0, now: () => clock.ms };

test("a word counts until its limit, and the next one anew", () => {
  const heard = heardWithin<number>((limitMs) => limitMs, clock.now);
  heard.note("a", 10);
  heard.note("b", 20);
  clock.ms += 9;
  assert.deepEqual(heard.all(), [10, 20]);
  clock.ms += 1;
  assert.equal(heard.get("a"), undefined);
  assert.deepEqual(heard.all(), [20]);
  heard.note("b", 20);
  clock.ms += 19;
  assert.equal(heard.get("b"), 20);
  heard.forget("b");
  assert.equal(heard.get("b"), undefined);
});

test("words that nobody asks for leave the memory when others come", () => {
  let judged = 0;
  const heard = heardWithin<"word">(() => {
    judged++;
    return 10;
  }, clock.now);
  for (let i = 0; i < 1_000; i++) {
    heard.note(String(i), "word");
    clock.ms += 1;
  }
  judged = 0;
  assert.equal(heard.all().length, 9);
  assert.ok(judged <= 10);
});
