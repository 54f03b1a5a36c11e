import assert from "node:assert/strict";
import { getHeapStatistics, setFlagsFromString } from "node:v8";
import { runInNewContext } from "node:vm";
import { test } from "vitest";
import { BoxedMap } from "./passingMap.ts";

setFlagsFromString("--expose-gc");
const collect = runInNewContext("gc") as (options: {
  type: "minor" | "major";
}) => void;

for (const Kind of [BoxedMap, Map])
  test(`a ${Kind.name} keeps what was set until it is deleted`, () => {
    const map = new Kind<string, number>();
    map.set("a", 1);
    map.set("b", 2);
    map.set("a", 3);
    assert.equal(map.get("a"), 3);
    assert.equal(map.get("c"), undefined);
    assert.equal(map.size, 2);
    assert.deepEqual([...map.keys()], ["a", "b"]);
    assert.deepEqual([...map.values()], [3, 2]);
    map.delete("a");
    map.delete("c");
    assert.equal(map.get("a"), undefined);
    assert.deepEqual([...map.values()], [2]);
    assert.equal(map.size, 1);
  });

test("what was deleted is let go of by small collections", () => {
  const map = new BoxedMap<number, unknown>();
  collect({ type: "major" });
  const before = usedMb();
  for (let i = 0; i < 4_000; i++) {
    map.set(i, new Array(1_000).fill(i)); // 8 KB
    map.delete(i - 20);
    // What outlives two of them is in the old generation.
    if (i % 100 === 0) collect({ type: "minor" });
  }
  collect({ type: "minor" });
  const grown = usedMb() - before;
  assert.ok(grown < 4, `${grown} of 32 MB are still there`);
});

const usedMb = () => getHeapStatistics().used_heap_size / 1e6;
