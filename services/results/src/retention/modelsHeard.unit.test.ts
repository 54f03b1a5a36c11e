import assert from "node:assert/strict";
import { test } from "vitest";
import { makeListening } from "./listening.ts";
import { makeModelsHeard } from "./modelsHeard.ts";

function begin() {
  let nowMs = 0;
  const now = () => nowMs;
  const listening = makeListening(now);
  const { note, unheardMs } = makeModelsHeard(listening, now);
  const pass = (ms: number) => {
    for (const until = nowMs + ms; nowMs < until; nowMs += 1_000)
      listening.tick();
    listening.tick();
  };
  return {
    ...{ pass, note, unheardMs, restart: listening.restart },
    freeze: (ms: number) => void (nowMs += ms),
  };
}

test("a model's workers are unheard since the last word, or since the start", () => {
  const { pass, note, unheardMs } = begin();
  pass(20_000);
  note(["demo"]);
  pass(10_000);
  assert.equal(unheardMs("demo"), 10_000);
  assert.equal(unheardMs("gone"), 30_000);
});

test("time in which this process or machine stood still is no silence", () => {
  const { pass, note, unheardMs, freeze } = begin();
  note(["demo"]);
  pass(10_000);
  freeze(600_000);
  assert.equal(unheardMs("demo"), 0);
  pass(5_000);
  assert.equal(unheardMs("demo"), 5_000);
  assert.equal(unheardMs("gone"), 5_000);
});

test("time without the broker is no silence; a late tick is no freeze", () => {
  const { pass, note, unheardMs, freeze, restart } = begin();
  note(["demo"]);
  pass(10_000);
  freeze(6_000);
  assert.equal(unheardMs("demo"), 16_000);
  restart();
  pass(2_000);
  assert.equal(unheardMs("demo"), 2_000);
});
