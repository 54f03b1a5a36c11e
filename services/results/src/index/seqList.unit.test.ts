import fc from "fast-check";
import assert from "node:assert/strict";
import { test } from "vitest";
import { decodeSeqs, encodeSeqs } from "./seqList.ts";

test("joined chunks give back all their sequences", () => {
  const chunk = fc
    .uniqueArray(fc.integer({ min: 1, max: 2 ** 52 }), { minLength: 1 })
    .map((seqs) => seqs.toSorted((a, b) => a - b));
  const near = fc
    .integer({ min: 1, max: 2 ** 40 })
    .map((seq) => [seq, seq + 127, seq + 255]);
  fc.assert(
    fc.property(fc.array(fc.oneof(chunk, near)), (chunks) => {
      const joined = chunks.flatMap((seqs, i) => [
        ...(i > 0 ? [0] : []),
        ...encodeSeqs(seqs),
      ]);
      assert.deepEqual(decodeSeqs(Uint8Array.from(joined)), chunks.flat());
    }),
  );
});

test("a short task in a log of millions takes seven bytes", () => {
  assert.equal(encodeSeqs([10_000_000, 10_000_040, 10_000_300]).length, 7);
});
