import type { SeenWorker } from "@jetscribe/schema";
import assert from "node:assert/strict";
import { test } from "vitest";
import { maxLost, silentOf, tooMany, writeEveryS } from "./lostWorkers.ts";

const nowS = 1_795_900_000;
const seen = (worker_id: string, agoS: number): SeenWorker => ({
  ...{ worker_id, model: "demo", engine: "fake", slots: 1 },
  last_heard_at: nowS - agoS,
});

test("lost are those that are not heard", () => {
  const all = [seen("a", 1), seen("b", 9)];
  const ids = silentOf(all, new Set(["a"])).map(({ worker_id }) => worker_id);
  assert.deepEqual(ids, ["b"]);
});

test("of the silent ones the latest are kept, and none that a gateway may hear", () => {
  const silent = Array.from({ length: maxLost + 2 }, (_, i) =>
    seen(`dead ${i}`, 1_000 + i),
  );
  const alive = Array.from({ length: 2 * maxLost }, (_, i) =>
    seen(`alive ${i}`, 2 * writeEveryS),
  );
  assert.deepEqual(tooMany([...alive, ...silent], nowS), [
    `dead ${maxLost}`,
    `dead ${maxLost + 1}`,
  ]);
  assert.deepEqual(tooMany(alive, nowS), []);
});
