import assert from "node:assert/strict";
import { readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { eventually } from "@jetscribe/testing";
import { test } from "vitest";
import { demoModel, openEngine } from "../../../test/engineTestKit.ts";

const whole = readFileSync(demoModel);
const withVersion = (version: number) => {
  const bytes = Buffer.from(whole);
  bytes.writeUInt32LE(version, 4);
  return bytes;
};

const damaged = [
  ["cut in the middle", whole.subarray(0, whole.length / 2), /corrupted/],
  ["cut by a few bytes", whole.subarray(0, -64), /corrupted|incomplete/],
  ["cut in its header", whole.subarray(0, 300), /exceeds remaining/],
  ["of a later version", withVersion(99), /version 99/],
  ["empty", Buffer.alloc(0), /GGUF/],
  ["a text", Buffer.from("not a model"), /GGUF/],
] as const;

for (const [what, bytes, reason] of damaged)
  test(`why a model that is ${what} can't be loaded is said, for /health`, async () => {
    const backoff = { firstMs: 60_000, maxMs: 60_000 };
    await using engine = await openEngine(
      (folder) => {
        const model = join(folder, "damaged.gguf");
        writeFileSync(model, bytes);
        return { engine: "llama", model };
      },
      { backoff },
    );
    const error = await eventually(() => {
      const state = engine.state();
      return state.status === "failed" ? state.error : undefined;
    });
    assert.equal(error.type, "ModelLoadError");
    assert.match(error.message, /damaged\.gguf could not be loaded: /);
    assert.match(error.message, reason);
    assert.ok(!error.message.includes("\n"));
  });
