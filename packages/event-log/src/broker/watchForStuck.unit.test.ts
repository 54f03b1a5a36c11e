import assert from "node:assert/strict";
import { test } from "vitest";
import { watchForStuck } from "./watchForStuck.ts";

function watch() {
  const tried: string[] = [];
  const clock = { now: 0 };
  const remedy = (name: string) => () => void tried.push(name);
  const stuck = watchForStuck(
    {
      mild: [remedy("pulls"), remedy("connection")],
      last: remedy("process"),
    },
    10,
    () => clock.now,
  );
  const seen = (at: number, waits: boolean) => {
    clock.now = at;
    stuck.seen(waits);
  };
  return { ...stuck, seen, tried };
}

test("each remedy is stronger than the one before, as long as nothing comes", () => {
  const { seen, tried } = watch();
  for (let at = 0; at <= 40; at += 5) seen(at, true);
  assert.deepEqual(tried, ["pulls", "connection", "process", "process"]);
});

test("what comes shows that it works, and the next time begins anew", () => {
  const { seen, delivered, tried } = watch();
  for (const at of [0, 10, 20]) seen(at, true);
  delivered();
  for (const at of [25, 30]) seen(at, true);
  assert.deepEqual(tried, ["pulls", "connection"]);
  seen(35, true);
  assert.deepEqual(tried, ["pulls", "connection", "pulls"]);
});

test("a process that is answered, if only with nothing, is not given up", () => {
  const { seen, answered, tried } = watch();
  for (let at = 0; at <= 40; at += 5) {
    seen(at, true);
    answered();
  }
  assert.deepEqual(tried, ["pulls", "connection", "connection", "connection"]);
});

test("where nothing waits, or no slot is free, nothing is stuck", () => {
  const { seen, tried } = watch();
  for (let at = 0; at <= 100; at += 9) seen(at, at % 18 === 0);
  assert.deepEqual(tried, []);
});
