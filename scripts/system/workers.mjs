import { UserError } from "../install/project.mjs";
import { run } from "../install/run.mjs";

/** The workers that a start runs: each has one model, and one GPU or what the machine has. */

/** @typedef {Record<string, string | undefined>} Env */
/**
 * @typedef {object} Wishes
 * @property {string | undefined} workers how many of each
 * @property {string[] | undefined} model `name=path`, each
 * @property {string[] | undefined} gpus of which each gets one
 */
/** @typedef {{ name: string, env: Env }} Worker */

const MOST_WORKERS = 64;

/**
 * So many workers for each model on each GPU. The first one's model is the one of requests that name none.
 * @param {Wishes} wishes
 * @returns {Worker[]}
 */
export function planWorkers({ workers, model, gpus }) {
  const kinds = modelsOf(model).flatMap((one) =>
    gpusOf(gpus).map((gpu) => ({ ...one, ...gpu })),
  );
  return kinds
    .flatMap((env) => Array.from({ length: countOf(workers) }, () => env))
    .map((env, i) => ({
      name: i === 0 ? "inference" : `inference-${i + 1}`,
      env,
    }));
}

/** @param {string | undefined} workers */
function countOf(workers = "1") {
  const count = /^\d+$/.test(workers) ? Number(workers) : 0;
  if (count >= 1 && count <= MOST_WORKERS) return count;
  throw new UserError(
    `--workers=${workers}: expected a number from 1 to ${MOST_WORKERS}`,
  );
}

/** @param {string[] | undefined} models @returns {Env[]} */
function modelsOf(models = []) {
  /** @type {Map<string, string>} */
  const byKey = new Map();
  const envs = models.map((text) => {
    const [, name = "", path] = /^([^=]+)=(.+)$/.exec(text) ?? [];
    const key = sameNameKey(name);
    if (!path || !key)
      throw new UserError(`--model ${text}: expected --model name=path`);
    const other = byKey.get(key);
    if (other !== undefined)
      throw new UserError(
        `--model: ${other} and ${name} are the same name to the system (${key})`,
      );
    byKey.set(key, name);
    return { MODEL: path, MODEL_NAME: name };
  });
  return envs.length > 0 ? envs : [{}];
}

/**
 * The same of two names that have the same slug, "" of a name that has none: as `slugOf` of packages/schema, which a Node
 * that runs no TypeScript can't load.
 * @param {string} name
 */
export function sameNameKey(name) {
  const slug = name
    .toLowerCase()
    .replace(/[^a-z0-9_-]+/g, "-")
    .replace(/^-+|-+$/g, "")
    .slice(0, 64);
  if (slug !== "") return slug;
  return /[\p{L}\p{N}]/u.test(name) ? name.normalize("NFC").toLowerCase() : "";
}

/** Counted as nvidia-smi counts them. @param {string[] | undefined} gpus @returns {Env[]} */
const gpusOf = (gpus) =>
  gpus?.map((gpu) => ({
    CUDA_DEVICE_ORDER: "PCI_BUS_ID",
    CUDA_VISIBLE_DEVICES: gpu,
  })) ?? [{}];

/**
 * The GPUs that `--gpus` means.
 * @param {string} text `all`, or their numbers or ids with commas
 * @returns {Promise<string[]>}
 */
export async function findGpus(text) {
  if (text !== "all") {
    const gpus = text.split(",");
    if (gpus.every((gpu) => /^[\w-]+$/.test(gpu))) return gpus;
    throw new UserError(
      `--gpus=${text}: expected all, or GPUs with commas: 0,1`,
    );
  }
  const { code, output } = await run("nvidia-smi", [
    "--query-gpu=index",
    "--format=csv,noheader",
  ]);
  const gpus = output.split("\n").map((line) => line.trim());
  const found = gpus.filter((line) => /^\d+$/.test(line));
  if (code === 0 && found.length > 0) return found;
  throw new UserError(
    `--gpus=all: nvidia-smi names no GPU: ${output.trim().split("\n")[0]}`,
  );
}
