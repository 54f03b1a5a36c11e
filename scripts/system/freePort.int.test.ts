import assert from "node:assert/strict";
import { test } from "vitest";
import { freePort } from "./freePort.ts";

test("whoever asks is given a port that nobody else was given", async () => {
  const given = await Promise.all(
    Array.from({ length: 500 }, () => freePort()),
  );
  assert.equal(new Set(given).size, given.length);
});
