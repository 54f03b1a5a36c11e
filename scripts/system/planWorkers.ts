import { slugIfAny } from "@jetscribe/schema";
import type { Env } from "../install/project.mjs";
import { run } from "../install/run.mjs";
import { UserError } from "../install/print.mjs";

const maxWorkers = 64;

/**
 * So many workers for each model (`name=path`) on each GPU, or on what the machine has. The first one's model is the one
 * of requests that name none.
 */
export function planWorkers(wishes: {
  workers?: string | undefined;
  model?: string[] | undefined;
  gpus?: string[] | undefined;
}) {
  const { workers, model, gpus } = wishes;
  const kinds = modelsOf(model).flatMap((env) =>
    gpusOf(gpus).map((gpu) => ({ ...env, ...gpu })),
  );
  return kinds
    .flatMap((env) => Array.from({ length: countOf(workers) }, () => env))
    .map((env, i) => ({
      name: i === 0 ? "inference" : `inference-${i + 1}`,
      env,
    }));
}

function countOf(workers = "1"): number {
  const count = /^\d+$/.test(workers) ? Number(workers) : 0;
  if (count >= 1 && count <= maxWorkers) return count;
  throw new UserError(
    `--workers=${workers}: expected a number from 1 to ${maxWorkers}`,
  );
}

function modelsOf(models: string[] = []): Env[] {
  const bySlug = new Map<string, string>();
  const envs = models.map((text) => {
    const [, name = "", path] = /^([^=]+)=(.+)$/.exec(text) ?? [];
    const slug = slugIfAny(name);
    if (!path || slug === undefined)
      throw new UserError(`--model ${text}: expected --model name=path`);
    const other = bySlug.get(slug);
    if (other !== undefined)
      throw new UserError(
        `--model: ${other} and ${name} are the same name to the system (${slug})`,
      );
    bySlug.set(slug, name);
    return { MODEL: path, MODEL_NAME: name };
  });
  return envs.length > 0 ? envs : [{}];
}

/** Counted as nvidia-smi counts them. */
const gpusOf = (gpus: string[] | undefined): Env[] =>
  gpus?.map((gpu) => ({
    CUDA_DEVICE_ORDER: "PCI_BUS_ID",
    CUDA_VISIBLE_DEVICES: gpu,
  })) ?? [{}];

/** The GPUs that `--gpus` means: `all`, or their numbers or ids with commas. */
export async function findGpus(text: string): Promise<string[]> {
  if (text !== "all") {
    const gpus = text.split(",");
    if (gpus.every((gpu) => /^[\w-]+$/.test(gpu))) return gpus;
    throw new UserError(
      `--gpus=${text}: expected all, or GPUs with commas: 0,1`,
    );
  }
  const args = ["--query-gpu=index", "--format=csv,noheader"];
  const { code, output } = await run("nvidia-smi", args);
  const found = output.match(/^\s*\d+\s*$/gm)?.map((line) => line.trim());
  if (code === 0 && found) return found;
  throw new UserError(
    `--gpus=all: nvidia-smi names no GPU: ${output.trim().split("\n")[0]}`,
  );
}
