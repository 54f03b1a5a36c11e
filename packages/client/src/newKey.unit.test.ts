import assert from "node:assert/strict";
import { test, vi } from "vitest";
import { newKey } from "./newKey.ts";

test("a key is a UUID of version 4, another one each time, also where crypto has no randomUUID", () => {
  using missing = vi.spyOn(crypto, "randomUUID").mockImplementation(() => {
    throw new TypeError("crypto.randomUUID is not a function");
  });
  const keys = Array.from({ length: 100 }, newKey);
  for (const key of keys)
    assert.match(
      key,
      /^[0-9a-f]{8}-[0-9a-f]{4}-4[0-9a-f]{3}-[89ab][0-9a-f]{3}-[0-9a-f]{12}$/,
    );
  assert.equal(new Set(keys).size, keys.length);
  assert.equal(missing.mock.calls.length, 0);
});
