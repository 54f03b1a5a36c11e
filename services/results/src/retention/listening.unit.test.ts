import assert from "node:assert/strict";
import { test } from "vitest";
import { makeServedModels } from "./endStranded.ts";
import { makeListening } from "./listening.ts";

const unheardMs = 10_000;

function begin() {
  let nowMs = 0;
  const now = () => nowMs;
  const listening = makeListening(now);
  const { note, maybeServed } = makeServedModels(listening, unheardMs, now);
  const pass = (ms: number) => {
    for (const until = nowMs + ms; nowMs < until; nowMs += 1_000)
      listening.tick();
    listening.tick();
  };
  return {
    pass,
    note,
    maybeServed,
    forMs: listening.forMs,
    restart: listening.restart,
    freeze: (ms: number) => void (nowMs += ms),
  };
}

test("a model may be served until its workers were unheard for so long since the last word, or since the start", () => {
  const { pass, note, maybeServed, forMs } = begin();
  pass(9_000);
  note("demo");
  assert.equal(maybeServed("gone"), true);
  pass(9_000);
  assert.equal(maybeServed("gone"), false);
  assert.equal(maybeServed("demo"), true);
  pass(1_000);
  assert.equal(maybeServed("demo"), false);
  assert.equal(forMs(), 19_000);
});

test("time in which this process or machine stood still is no silence", () => {
  const { pass, note, maybeServed, forMs, freeze } = begin();
  note("demo");
  pass(9_000);
  freeze(600_000);
  assert.equal(maybeServed("demo"), true);
  assert.equal(forMs(), 0);
  pass(9_000);
  assert.equal(maybeServed("demo"), true);
  pass(1_000);
  assert.equal(maybeServed("demo"), false);
  assert.equal(maybeServed("gone"), false);
});

test("time without the broker is no silence; a late tick is no freeze", () => {
  const { pass, note, maybeServed, forMs, freeze, restart } = begin();
  note("demo");
  pass(9_000);
  freeze(6_000);
  assert.equal(forMs(), 15_000);
  assert.equal(maybeServed("demo"), false);
  restart();
  pass(9_000);
  assert.equal(maybeServed("demo"), true);
  pass(1_000);
  assert.equal(maybeServed("demo"), false);
});
