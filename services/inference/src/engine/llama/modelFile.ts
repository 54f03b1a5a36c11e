/** From `MODEL` to a file that can be read, and what that file is. */
import { stat } from "node:fs/promises";
import { resolve } from "node:path";
import { GgufFileType, resolveModelFile } from "node-llama-cpp";
import { EngineError, isRemote, type EngineConfig } from "../engine.ts";

/**
 * The path on this machine of the model, which is called `what` in errors; downloads it first where it is named by
 * `hf:user/repo:quant`.
 */
export async function findModelFile(
  { model, modelsDir }: Pick<EngineConfig, "model" | "modelsDir">,
  onProgress: (done: number) => void,
  what = "model file",
): Promise<string> {
  if (isRemote(model)) return await download(model, modelsDir, onProgress);
  const path = resolve(model);
  await assertFile(path, what);
  return path;
}

/** Rejects with a ModelLoadError where there is no file at `path`, which is called `what` in it. */
export async function assertFile(path: string, what: string): Promise<void> {
  const found = await stat(path).catch((cause: NodeJS.ErrnoException) => {
    throw new EngineError(
      "ModelLoadError",
      cause.code === "ENOENT"
        ? `the ${what} ${path} does not exist`
        : `the ${what} ${path} cannot be read: ${cause.message}`,
      { cause },
    );
  });
  if (!found.isFile())
    throw new EngineError("ModelLoadError", `${path} is not a file`);
}

async function download(
  model: string,
  directory: string,
  onProgress: (done: number) => void,
): Promise<string> {
  try {
    return await resolveModelFile(model, {
      directory,
      cli: false,
      onProgress: ({ totalSize, downloadedSize }) =>
        onProgress(totalSize > 0 ? downloadedSize / totalSize : 0),
    });
  } catch (cause) {
    throw new EngineError(
      "ModelLoadError",
      `the model ${model} could not be downloaded: ${String(cause)}`,
      { cause },
    );
  }
}

/** `Q8_0`, `Q4_K_M`, `F16` …: the file type in a GGUF's metadata. */
export const quantizationOf = (
  fileType: number | undefined,
): string | undefined =>
  fileType === undefined
    ? undefined
    : GgufFileType[fileType]?.replace(/^(MOSTLY|ALL)_/, "");
