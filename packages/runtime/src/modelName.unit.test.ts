import assert from "node:assert/strict";
import { test } from "vitest";
import { modelNameOf } from "./modelName.ts";

const names = [
  ["models/demo.gguf", "demo"],
  ["/srv/models/Qwen2.5-7B-Q4_K_M.GGUF", "Qwen2.5-7B-Q4_K_M"],
  ["C:\\models\\llama.gguf", "llama"],
  ["hf:bartowski/Qwen2.5-7B-GGUF:Q4_K_M", "Qwen2.5-7B-GGUF-Q4_K_M"],
  ["hf:user/repo/file-Q8_0.gguf", "file-Q8_0"],
  ["plain", "plain"],
] as const;

for (const [model, name] of names)
  test(`${model} is called ${name}`, () => {
    assert.equal(modelNameOf(model), name);
  });
