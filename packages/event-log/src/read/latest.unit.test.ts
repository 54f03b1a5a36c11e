import assert from "node:assert/strict";
import { test } from "vitest";
import { makeLatest } from "./latest.ts";

test("the oldest makes room, and what is set again takes none", () => {
  const latest = makeLatest<string, number>(2);
  latest.set("a", 1);
  latest.set("b", 2);
  latest.set("b", 3);
  assert.deepEqual([latest.get("a"), latest.get("b")], [1, 3]);
  latest.set("c", 4);
  assert.deepEqual(
    [latest.get("a"), latest.get("b"), latest.get("c")],
    [undefined, 3, 4],
  );
});

test("what is deleted is gone, and leaves its room", () => {
  const latest = makeLatest<string, number>(2);
  latest.set("a", 1);
  latest.set("b", 2);
  latest.delete("b");
  latest.set("c", 3);
  assert.deepEqual(
    [latest.get("a"), latest.get("b"), latest.get("c")],
    [1, undefined, 3],
  );
});
