import { eventually } from "@jetscribe/testing";
import assert from "node:assert/strict";
import { test } from "vitest";
import { gatherPieces } from "./pieces.ts";

function gather() {
  const sent: [string, number][] = [];
  const pieces = gatherPieces((text, { completionTokens }) =>
    sent.push([text, completionTokens]),
  );
  const say = (text: string, completionTokens: number) =>
    pieces.say(text, { promptTokens: 1, completionTokens });
  return { ...pieces, say, sent };
}

test("the first piece goes at once, and what follows gathers, with the last counts", async () => {
  const { say, sent } = gather();
  say("a", 1);
  assert.deepEqual(sent, [["a", 1]]);
  say("b", 2);
  say("c", 3);
  await eventually(() => sent.length === 2);
  assert.deepEqual(sent[1], ["bc", 3]);
});

test("what has gathered is sent when the text ends, once", async () => {
  const { say, flush, sent } = gather();
  say("a", 1);
  say("b", 2);
  flush();
  flush();
  assert.deepEqual(sent, [
    ["a", 1],
    ["b", 2],
  ]);
  say("c", 3);
  await eventually(() => sent.length === 3);
});
