import assert from "node:assert/strict";
import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { test } from "vitest";
import { withDotEnv } from "./project.mjs";
import { compareVersions } from "./setup.mjs";

test("the environment wins over .env, and an empty value counts as unset", () => {
  const dir = mkdtempSync(join(tmpdir(), "jetscribe-test-"));
  const file = join(dir, ".env");
  try {
    writeFileSync(file, "PORT=9000\nENGINE=fake\nMODEL=\nSLOTS=2 # two\n");
    const env = withDotEnv({ PORT: "9001", ENGINE: "" }, file);
    assert.deepEqual(env, { PORT: "9001", ENGINE: "fake", SLOTS: "2" });
  } finally {
    rmSync(dir, { recursive: true });
  }
});

test("versions compare by number", () => {
  assert.ok(compareVersions("2.9.10", "2.10.0") < 0);
  assert.equal(compareVersions("2.15.1", "2.15.1"), 0);
});
