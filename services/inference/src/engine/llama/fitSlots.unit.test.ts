import assert from "node:assert/strict";
import { describe, test } from "vitest";
import { fitSlots, type SlotWishes } from "./fitSlots.ts";

/** Room for so many tokens, at a byte each. */
const fit = (wishes: Partial<SlotWishes>) =>
  fitSlots({
    trainedSize: 8_192,
    budget: 4 * 8_192,
    bytesOf: ({ slots, contextSize }) => Promise.resolve(slots * contextSize),
    ...wishes,
  });

describe("the slots that fit", () => {
  test("are four of the trained length where no more fit", async () => {
    assert.deepEqual(await fit({}), { slots: 4, contextSize: 8_192 });
  });

  test("are as many as fit, up to 16", async () => {
    const seven = { slots: 7, contextSize: 8_192 };
    assert.deepEqual(await fit({ budget: 7.9 * 8_192 }), seven);
    const sixteen = { slots: 16, contextSize: 8_192 };
    assert.deepEqual(await fit({ budget: 2 ** 40 }), sixteen);
  });

  test("are shorter before they are fewer than four", async () => {
    const plan = { slots: 7, contextSize: 4_096 };
    assert.deepEqual(await fit({ budget: 3.9 * 8_192 }), plan);
  });

  test("halve by powers of two below the trained length", async () => {
    const trainedSize = 10_000;
    for (const [budget, contextSize] of [
      [40_000, 10_000],
      [39_999, 8_192],
      [4 * 8_192 - 1, 4_096],
      [4 * 4_096 - 1, 2_048],
    ] as const)
      assert.equal(
        (await fit({ trainedSize, budget })).contextSize,
        contextSize,
      );
  });

  test("are fewer than four where even the shortest do not fit", async () => {
    const plan = { slots: 3, contextSize: 2_048 };
    assert.deepEqual(await fit({ budget: 3 * 2_048 }), plan);
  });

  test("are one of the shortest where nothing fits", async () => {
    assert.deepEqual(await fit({ budget: 1 }), {
      slots: 1,
      contextSize: 2_048,
    });
    const small = { trainedSize: 512, budget: 1 };
    assert.deepEqual(await fit(small), { slots: 1, contextSize: 512 });
  });

  test("are as many as asked for, of the greatest length that fits", async () => {
    const plan = { slots: 8, contextSize: 4_096 };
    assert.deepEqual(await fit({ slots: 8 }), plan);
    assert.deepEqual(await fit({ slots: 99 }), {
      slots: 99,
      contextSize: 2_048,
    });
  });

  test("are of the length asked for, as many as fit", async () => {
    const wishes = { contextSize: 16_384 };
    assert.deepEqual(await fit(wishes), { ...wishes, slots: 2 });
    const both = { contextSize: 16_384, slots: 32 };
    assert.deepEqual(await fit(both), both);
  });
});
