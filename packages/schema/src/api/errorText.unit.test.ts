import fc from "fast-check";
import assert from "node:assert/strict";
import { test } from "vitest";
import { failedWith, listedError, listedErrorChars } from "./errorText.ts";

test("lists have the beginning of a message on one line, in whole characters", () => {
  assert.equal(listedError(" a\r\n\tb\u0000c "), "a b c");
  assert.equal(listedError("😀".repeat(300)), "😀".repeat(listedErrorChars));
  assert.equal(listedError("\ud800"), "\ufffd");
  fc.assert(
    fc.property(fc.string({ unit: "binary", maxLength: 300 }), (message) => {
      const listed = listedError(message);
      assert.ok([...listed].length <= listedErrorChars);
      assert.ok(listed.isWellFormed());
      assert.equal(listedError(listed), listed);
    }),
  );
});

test("lists have none of a model server's or a template's words, which may quote a prompt", () => {
  const before = [
    "the upstream refused the request: it answered 400",
    "the upstream failed: it answered with an error",
    "its engine or worker died 3 times; the last time: the upstream failed: it answered 503",
    "the model's chat template refuses these messages",
  ];
  for (const own of before)
    for (const quoted of [" my\nprompt", ": my prompt", ""])
      assert.equal(listedError(own + quoted), own);
  const own = "the upstream failed: it sent an event that is no JSON";
  assert.equal(listedError(own), own);
});

test("a search finds part of type and message of a failed task, A to Z as a to z", () => {
  const task = {
    error_type: "TimeoutError",
    error_message: "too Größe",
  } as const;
  const isFound = (part: string) =>
    failedWith({ status: "failed", ...task }, part);
  assert.ok(["timeout", "ERROR: TOO", "größe"].every(isFound));
  assert.ok(!["GRÖSSE", "GRÖßE", "slow"].some(isFound));
  assert.ok(!failedWith({ status: "completed", ...task }, "timeout"));
  assert.ok(!failedWith({ status: "failed" }, "undefined"));
});
