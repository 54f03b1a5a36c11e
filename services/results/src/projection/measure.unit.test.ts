import assert from "node:assert/strict";
import { test } from "vitest";
import { measure } from "./projectTasks.ts";

/** A milestone every 10 bytes. */
const limit = 2_560;
const messages = (firstSeq: number, ...sizes: number[]) =>
  sizes.map((storedBytes, i) => ({ seq: firstSeq + i, storedBytes }));

test("a log that is begun has its beginning as the first milestone, then one wherever enough was passed", () => {
  assert.deepEqual(measure({ seq: 4, bytes: 0 }, messages(5, 6, 6, 6), limit), {
    bytes: 18,
    milestones: [
      { seq: 4, bytes: 0 },
      { seq: 6, bytes: 12 },
    ],
  });
});

test("a batch goes on from the one before", () => {
  assert.deepEqual(measure({ seq: 7, bytes: 18 }, messages(8, 1, 1), limit), {
    bytes: 20,
    milestones: [{ seq: 9, bytes: 20 }],
  });
});

test("one message can be larger than what lies between two milestones", () => {
  assert.deepEqual(measure({ seq: 9, bytes: 20 }, messages(10, 95, 3), limit), {
    bytes: 118,
    milestones: [{ seq: 10, bytes: 115 }],
  });
});
