import assert from "node:assert/strict";
import { test } from "vitest";
import { memoryOf, whatFits, type ContextPlan } from "./memory.ts";

const MiB = 2 ** 20;
/** 10 MiB, and 1 KiB for each token, or half of it. */
const bytesOf = ({ slots, contextSize, kvCacheType }: ContextPlan) =>
  Promise.resolve(
    10 * MiB + slots * contextSize * (kvCacheType === "f16" ? 1_024 : 512),
  );
const plan = { slots: 8, contextSize: 4_096, kvCacheType: "f16" as const };

test("the memory is told by what takes it", async () => {
  assert.deepEqual(await memoryOf(100 * MiB, plan, bytesOf), {
    ...{ weights_mib: 100, kv_per_slot_mib: 4, compute_mib: 10 },
  });
});

test("a plan that fits needs no advice", async () => {
  assert.equal(await whatFits(plan, 42 * MiB, bytesOf), undefined);
});

test("by how much it is too large is told, and each setting that would help by itself", async () => {
  assert.equal(
    await whatFits(plan, 30 * MiB, bytesOf),
    "8 slots of 4096 tokens need 42 MiB, 12 MiB more than is free; SLOTS=4 or CONTEXT_SIZE=2048 or KV_CACHE_TYPE=q8_0 would fit",
  );
  assert.match(
    (await whatFits(plan, 15 * MiB, bytesOf)) ?? "",
    /SLOTS=1 or CONTEXT_SIZE=512 would fit$/,
  );
  assert.match(
    (await whatFits({ ...plan, slots: 1 }, 12 * MiB, bytesOf)) ?? "",
    /free; CONTEXT_SIZE=2048 or KV_CACHE_TYPE=q8_0 would fit$/,
  );
  assert.match(
    (await whatFits(plan, 9 * MiB, bytesOf)) ?? "",
    /no smaller context would fit either$/,
  );
});
