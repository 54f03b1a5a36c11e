import assert from "node:assert/strict";
import { availableParallelism } from "node:os";
import { test } from "vitest";
import { ask, openEngine } from "../../../test/engineTestKit.ts";

test("a GPU that is asked for and not there is said, and the model runs all the same", async () => {
  await using engine = await openEngine(
    { engine: "llama", gpu: "cuda" },
    { env: { CUDA_VISIBLE_DEVICES: "" } },
  );
  const { device, warnings } = await engine.whenReady();
  assert.equal(device, "cpu (no cuda)");
  assert.ok(
    warnings?.includes(
      "GPU=cuda cannot be used on this machine: running on the CPU",
    ),
  );
  const { text } = await ask(engine, {
    prompt: "What is the capital of France?",
  });
  assert.equal(text, "The capital of France is Paris.");
});

test("where all is as asked for there is no warning", async () => {
  await using engine = await openEngine({ engine: "llama", gpu: "off" });
  const { device, warnings } = await engine.whenReady();
  assert.equal(device, "cpu");
  assert.equal(warnings, undefined);
});

test("the threads are told where the engine chooses them", async () => {
  for (const [config, chosen] of [
    [{}, availableParallelism() > 1],
    [{ threads: 1 }, false],
    [{ engineLoop: "library" as const }, false],
  ] as const) {
    await using engine = await openEngine({
      ...{ engine: "llama", gpu: "off", ...config },
    });
    const { threads } = await engine.whenReady();
    assert.equal(threads !== undefined, chosen);
  }
});
