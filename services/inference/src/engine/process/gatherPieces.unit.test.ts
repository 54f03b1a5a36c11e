import assert from "node:assert/strict";
import { setImmediate as turn } from "node:timers/promises";
import { afterEach, beforeEach, test, vi } from "vitest";
import { gatherPieces } from "./gatherPieces.ts";

beforeEach(() => {
  vi.useFakeTimers({ toFake: ["setTimeout", "clearTimeout", "performance"] });
});
afterEach(() => {
  vi.useRealTimers();
});

function gather() {
  /** Id, text and tokens, by sends. */
  const sent: [number, string, number][] = [];
  const { of, flush } = gatherPieces((id, text, { completionTokens }) =>
    sent.push([id, text, completionTokens]),
  );
  const text = (id: number) => {
    const say = of(id);
    return (text: string, completionTokens: number) =>
      say(text, { promptTokens: 1, completionTokens });
  };
  return { text, flush, sent };
}

test("the first piece goes in the same turn, and what follows gathers, with the last counts", async () => {
  const { text, sent } = gather();
  const say = text(1);
  say("a", 1);
  await turn();
  assert.deepEqual(sent, [[1, "a", 1]]);
  say("b", 2);
  say("c", 3);
  vi.advanceTimersByTime(20);
  assert.deepEqual(sent.slice(1), [[1, "bc", 3]]);
});

test("what the texts say in one step goes together, and with another one's first piece", async () => {
  const { text, sent } = gather();
  const [one, other] = [text(1), text(2)];
  one("a", 1);
  other("b", 1);
  await turn();
  assert.equal(sent.length, 2);
  one("c", 2);
  other("d", 2);
  await turn();
  assert.equal(sent.length, 2);
  text(3)("e", 1);
  await turn();
  assert.deepEqual(sent.slice(2), [
    [1, "c", 2],
    [2, "d", 2],
    [3, "e", 1],
  ]);
});

test("what has gathered is sent when a text ends, once", () => {
  const { text, flush, sent } = gather();
  const say = text(1);
  say("a", 1);
  say("b", 2);
  flush();
  flush();
  assert.deepEqual(sent, [[1, "ab", 2]]);
  say("c", 3);
  vi.advanceTimersByTime(20);
  assert.deepEqual(sent.slice(1), [[1, "c", 3]]);
});
