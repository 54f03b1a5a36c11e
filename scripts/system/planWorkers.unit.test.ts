import assert from "node:assert/strict";
import { test } from "vitest";
import { UserError } from "../install/print.mjs";
import { findGpus, planWorkers } from "./planWorkers.ts";

test("one worker as the environment says, where nothing is wished", () => {
  assert.deepEqual(planWorkers({}), [{ name: "inference", env: {} }]);
});

test("so many workers for each model, under names of their own", () => {
  const model = ["small=a.gguf", "Large=hf:user/repo:Q4=x"];
  const plan = planWorkers({ workers: "2", model });
  assert.deepEqual(
    plan.map(({ name, env }) => [name, env["MODEL_NAME"], env["MODEL"]]),
    [
      ["inference", "small", "a.gguf"],
      ["inference-2", "small", "a.gguf"],
      ["inference-3", "Large", "hf:user/repo:Q4=x"],
      ["inference-4", "Large", "hf:user/repo:Q4=x"],
    ],
  );
});

test("one worker for each GPU sees only that one", () => {
  const plan = planWorkers({ gpus: ["0", "2"] });
  assert.deepEqual(
    plan.map(({ env }) => env["CUDA_VISIBLE_DEVICES"]),
    ["0", "2"],
  );
});

test("what can't be meant is refused", async () => {
  for (const workers of ["0", "65", "two", "1.5"])
    assert.throws(() => planWorkers({ workers }), UserError);
  for (const model of [["a.gguf"], ["=a.gguf"], ["…=a.gguf"], ["a="]])
    assert.throws(() => planWorkers({ model }), UserError);
  assert.throws(
    () => planWorkers({ model: ["A b=1.gguf", "a-b=2.gguf"] }),
    /A b and a-b are the same name/,
  );
  await assert.rejects(findGpus("0, 1"), UserError);
  await assert.rejects(findGpus(""), UserError);
  assert.deepEqual(await findGpus("0,GPU-8a1f"), ["0", "GPU-8a1f"]);
});
