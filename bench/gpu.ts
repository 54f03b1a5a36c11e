/** The card that `--gpu` measures on. */
import { addGpuBinaries } from "../scripts/install/gpu.mjs";
import { UserError } from "../scripts/install/print.mjs";
import { run } from "../scripts/install/run.mjs";

/**
 * The name of the first NVIDIA GPU by `smi`, which is nvidia-smi or answers as that does. Rejects with a UserError that
 * says so where there is none.
 */
export async function cardName(smi = "nvidia-smi"): Promise<string> {
  const args = ["--query-gpu=name", "--format=csv,noheader"];
  const { code, output } = await run(smi, args);
  const [line = ""] = output.trim().split("\n");
  if (code === 0 && line !== "") return line;
  throw new UserError(
    `--gpu: there is no NVIDIA GPU that could be measured on this machine (${line || "nvidia-smi names none"})`,
  );
}

/** Makes CUDA ready for the engine, and gives the card's name. */
export async function prepareCard(): Promise<string> {
  const name = await cardName();
  await addGpuBinaries("cuda");
  return name;
}

/** Throws where the model is not where it should be: a card that can't be used is otherwise only warned of. */
export function assertDevice(
  device: string | undefined,
  isGpu: boolean | undefined,
): void {
  if (isGpu && device !== "cuda")
    throw new UserError(`--gpu: the model runs on ${device ?? "no device"}`);
}
