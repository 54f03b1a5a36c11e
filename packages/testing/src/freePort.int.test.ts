import assert from "node:assert/strict";
import { readFileSync } from "node:fs";
import { test } from "vitest";
import { freePort, rowOf } from "./freePort.ts";

test("tests that run at the same time are given different ports", async () => {
  const file = new URL("../../../vitest.config.ts", import.meta.url);
  const [, most] = /maxWorkers: (\d+)/.exec(readFileSync(file, "utf8"))!;
  const ids = Array.from({ length: Number(most) }, (_, i) => String(i + 1));
  const id = process.env["VITEST_POOL_ID"]!;
  assert.ok(ids.includes(id));
  const given = [undefined, ...ids].map(rowOf);
  const by = given.toSorted((a, b) => a.lowest - b.lowest);
  for (const [i, { lowest, count }] of by.entries())
    // From 20,000 on npm start takes them.
    assert.ok(lowest + count <= (by[i + 1]?.lowest ?? 20_000));
  const { lowest, count } = rowOf(id);
  const port = await freePort();
  assert.ok(port >= lowest && port < lowest + count, String(port));
});
