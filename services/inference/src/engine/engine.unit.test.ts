import assert from "node:assert/strict";
import { test } from "vitest";
import { refuseOverlong } from "./engine.ts";

test("a prompt that is too long is refused in numbers that read well", () => {
  const refusal = (tokens: number, roughly?: "at least ") => () =>
    refuseOverlong(tokens, 8, 8, roughly);
  assert.throws(refusal(1), {
    message:
      "the prompt has 1 token and max_tokens is 8, together 9; the context holds 8",
  });
  assert.throws(refusal(1, "at least "), {
    message:
      "the prompt has at least 1 token and max_tokens is 8, together at least 9; the context holds 8",
  });
  assert.throws(refusal(2, "at least "), /has at least 2 tokens and/);
  refuseOverlong(0, 8, 8);
});
