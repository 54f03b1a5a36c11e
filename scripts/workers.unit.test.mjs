import assert from "node:assert/strict";
import { test } from "vitest";
import { slugOf } from "../packages/schema/src/index.ts";
import { UserError } from "./project.mjs";
import { findGpus, planWorkers, sameNameKey } from "./workers.mjs";

const wishes = { workers: undefined, model: undefined, gpus: undefined };

test("one worker as the environment says, where nothing is wished", () => {
  assert.deepEqual(planWorkers(wishes), [{ name: "inference", env: {} }]);
});

test("so many workers for each model, under names of their own", () => {
  const model = ["small=a.gguf", "Large=hf:user/repo:Q4=x"];
  const plan = planWorkers({ ...wishes, workers: "2", model });
  assert.deepEqual(
    plan.map(({ name, env }) => [name, env.MODEL_NAME, env.MODEL]),
    [
      ["inference", "small", "a.gguf"],
      ["inference-2", "small", "a.gguf"],
      ["inference-3", "Large", "hf:user/repo:Q4=x"],
      ["inference-4", "Large", "hf:user/repo:Q4=x"],
    ],
  );
});

test("one worker for each GPU sees only that one", () => {
  const plan = planWorkers({ ...wishes, gpus: ["0", "2"] });
  assert.deepEqual(
    plan.map(({ env }) => env.CUDA_VISIBLE_DEVICES),
    ["0", "2"],
  );
});

test("what can't be meant is refused", async () => {
  for (const workers of ["0", "65", "two", "1.5"])
    assert.throws(() => planWorkers({ ...wishes, workers }), UserError);
  for (const model of [["a.gguf"], ["=a.gguf"], ["…=a.gguf"], ["a="]])
    assert.throws(() => planWorkers({ ...wishes, model }), UserError);
  assert.throws(
    () => planWorkers({ ...wishes, model: ["A b=1.gguf", "a-b=2.gguf"] }),
    /A b and a-b are the same name/,
  );
  await assert.rejects(findGpus("0, 1"), UserError);
  await assert.rejects(findGpus(""), UserError);
  assert.deepEqual(await findGpus("0,GPU-8a1f"), ["0", "GPU-8a1f"]);
});

test("names are the same to the scripts as to the services", () => {
  const names = [
    ...["Qwen2.5-7B-Q4_K_M", "qwen2-5-7b-q4_k_m", " a b ", "A-b", "ä_1"],
    ...["x".repeat(80), "x".repeat(70), "模型", "模型 ", "Модель", "модель"],
    ..."モデル,が".split(",").flatMap((one) => [one, one.normalize("NFD")]),
  ];
  for (const one of names)
    for (const other of names)
      assert.equal(
        sameNameKey(one) === sameNameKey(other),
        slugOf(one) === slugOf(other),
        `${one} and ${other}`,
      );
  for (const nameless of ["", "…", "🦙"])
    assert.equal(sameNameKey(nameless), "");
});
