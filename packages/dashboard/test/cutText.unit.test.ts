import fc from "fast-check";
import assert from "node:assert/strict";
import { describe, test } from "vitest";
import { cutText } from "../src/task/cutText.ts";

describe("a long text", () => {
  test("is cut at ends of lines, and nothing of it is lost", () => {
    const lengths = fc.array(fc.nat(3_000), { minLength: 20, maxLength: 60 });
    fc.assert(
      fc.property(lengths, (all) => {
        const lines = all.map((length, i) => String(i).repeat(length / 2));
        const text = lines.join("\n");
        const joined = cutText(text).join("\n");
        // The end of the last line may be the end of a piece.
        assert.ok(joined === text || `${joined}\n` === text);
      }),
    );
  });

  test("a line without an end is cut, but no character is", () => {
    const text = `a${"😀".repeat(200_000)}`;
    const pieces = cutText(text);
    assert.equal(pieces.join(""), text);
    assert.ok(pieces.length > 5);
    for (const piece of pieces) assert.ok(piece.isWellFormed());
  });

  test("a short one is one piece, and an empty one none", () => {
    assert.deepEqual(cutText("a\nb\n"), ["a\nb\n"]);
    assert.deepEqual(cutText(""), []);
  });
});
