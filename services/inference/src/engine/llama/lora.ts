/** A LoRA adapter is looked at before the model is loaded with it, since llama.cpp's own error names neither file. */
import {
  readGgufFileInfo,
  type GgufFileInfo,
  type GgufTensorInfo,
} from "node-llama-cpp";
import { EngineError } from "../engine.ts";
import { assertFile } from "./modelFile.ts";

/** Rejects with a ModelLoadError that says why the adapter at `path` can't be used with the model at `modelPath`. */
export async function checkLora(
  path: string,
  modelPath: string,
): Promise<void> {
  await assertFile(path, "LoRA adapter");
  const refuse = (why: string, cause?: unknown) =>
    new EngineError("ModelLoadError", `the LoRA adapter ${path} ${why}`, {
      cause,
    });
  let adapter: GgufFileInfo;
  try {
    adapter = await readGgufFileInfo(path, { sourceType: "filesystem" });
  } catch (cause) {
    throw refuse(`is no GGUF file: ${String(cause)}`, cause);
  }
  const model = await readGgufFileInfo(modelPath, {
    sourceType: "filesystem",
  });
  const difference = differenceOf(adapter, model);
  if (difference !== undefined)
    throw refuse(`does not fit the model ${modelPath}: ${difference}`);
}

/** Why it does not fit; undefined: it does. */
function differenceOf(
  adapter: GgufFileInfo,
  model: GgufFileInfo,
): string | undefined {
  const general: { architecture: string; type?: string } =
    adapter.metadata.general;
  const { type, architecture } = general;
  if (type !== "adapter") return "it is no adapter";
  const expected: string = model.metadata.general.architecture;
  if (architecture !== expected)
    return `it is for ${architecture}, and the model is ${expected}`;
  const tensors = new Map(
    (model.fullTensorInfo ?? []).map((tensor) => [tensor.name, tensor]),
  );
  for (const tensor of adapter.fullTensorInfo ?? []) {
    const [, name = "", half] = /^(.*)\.lora_([ab])$/.exec(tensor.name) ?? [];
    if (half === undefined) continue;
    const target = tensors.get(name);
    if (target === undefined) return `the model has no ${name}`;
    // llama.cpp applies it the other way round, and ends the process where the same values are the output as well.
    const isEmbedding = name === "token_embd.weight";
    if (isEmbedding && !tensors.has("output.weight"))
      return `it changes ${name}, which is this model's output as well, and llama.cpp can't do that`;
    const side = half === "a" ? 0 : 1;
    const ours = sizeOf(tensor, isEmbedding ? 1 : side);
    const theirs = sizeOf(target, isEmbedding ? otherSide(side) : side);
    if (ours !== theirs)
      return `it has ${ours} values for ${name}, which has ${theirs}`;
  }
  return undefined;
}

const sizeOf = ({ dimensions }: GgufTensorInfo, side: 0 | 1): number =>
  Number(dimensions[side]);

const otherSide = (side: 0 | 1): 0 | 1 => (side === 0 ? 1 : 0);
