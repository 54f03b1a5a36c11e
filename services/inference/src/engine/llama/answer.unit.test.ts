import type { Token } from "node-llama-cpp";
import assert from "node:assert/strict";
import { test } from "vitest";
import { endsWithOne, templateStops } from "./answer.ts";

test("a text ends with a stop sequence when its last token comes", () => {
  const ends = (stops: number[][], ...tokens: number[]) =>
    endsWithOne(
      stops as Token[][],
      tokens.slice(0, -1) as Token[],
      tokens.at(-1) as Token,
    );
  assert.equal(ends([[7, 8, 9]], 1, 7, 8, 9), true);
  assert.equal(ends([[7, 8, 9]], 7, 8, 9), true);
  assert.equal(ends([[7, 8, 9]], 8, 9), false);
  assert.equal(ends([[7, 8, 9]], 7, 1, 9), false);
  assert.equal(ends([[7, 8, 9]], 7, 8), false);
  assert.equal(ends([[7, 8, 9]], 7, 8, 1), false);
  assert.equal(ends([[5], [9]], 9), true);
  assert.equal(ends([], 9), false);
});

test("what ends a turn in the chat template ends no text that a grammar holds", () => {
  const stops = { texts: ["</s>"], tokens: [] };
  const params = { max_tokens: 1, temperature: 0, top_p: 1 };
  assert.equal(templateStops({ stops }, params), stops);
  const response_format = { type: "json_object" as const };
  const held = templateStops({ stops }, { ...params, response_format });
  assert.deepEqual(held, { texts: [], tokens: [] });
  const endless = templateStops({ stops }, { ...params, ignore_eos: true });
  assert.deepEqual(endless, { texts: [], tokens: [] });
});
