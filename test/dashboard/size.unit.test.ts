import { builtDashboard } from "@jetscribe/dashboard/built";
import assert from "node:assert/strict";
import { readdirSync, statSync } from "node:fs";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { test } from "vitest";

test("the whole dashboard has less than 150 kB, compressed", () => {
  const dir = fileURLToPath(builtDashboard);
  const files = readdirSync(dir, { recursive: true }).map(String);
  const plain = files.filter((name) => /\.(html|js|css|svg)$/.test(name));
  const sizes = plain.map((name) => {
    const compressed = files.includes(`${name}.gz`) ? `${name}.gz` : name;
    return statSync(join(dir, compressed)).size;
  });
  assert.ok(plain.length >= 4);
  assert.ok(sizes.reduce((sum, size) => sum + size, 0) < 150_000);
});
