/** What a worker's memory is needed for, and which setting makes a context fit where there is too little: pure, over an estimate that is passed in. */
import type { EngineInfo } from "../engine.ts";
import { halvings } from "./fallBack.ts";

export type KvCacheType = "f16" | "q8_0";

export interface ContextPlan {
  slots: number;
  /** Tokens of each slot. */
  contextSize: number;
  kvCacheType: KvCacheType;
}

/** Bytes that a plan takes. */
export type BytesOf = (plan: ContextPlan) => Promise<number>;

const mib = (bytes: number): number => Math.round(bytes / 2 ** 18) / 4;
/** llama.cpp's contexts are multiples of this. */
const shortestContext = 256;

/** `weights`: bytes of the model. */
export async function memoryOf(
  weights: number,
  plan: ContextPlan,
  bytesOf: BytesOf,
): Promise<NonNullable<EngineInfo["memory"]>> {
  const [one, two, all] = [
    await bytesOf({ ...plan, slots: 1 }),
    await bytesOf({ ...plan, slots: 2 }),
    await bytesOf(plan),
  ];
  const kvPerSlot = two - one;
  return {
    weights_mib: mib(weights),
    kv_per_slot_mib: mib(kvPerSlot),
    compute_mib: mib(all - plan.slots * kvPerSlot),
  };
}

/** By how much the plan is too large for `free` bytes, and what would fit; undefined: it is not. */
export async function whatFits(
  plan: ContextPlan,
  free: number,
  bytesOf: BytesOf,
): Promise<string | undefined> {
  const needed = await bytesOf(plan);
  if (needed <= free) return undefined;
  const { slots, contextSize, kvCacheType } = plan;
  const fits = async (change: Partial<ContextPlan>) =>
    (await bytesOf({ ...plan, ...change })) <= free;
  const settings: string[] = [];
  for (const fewer of halvings(slots, 1).filter((count) => count < slots))
    if (await fits({ slots: fewer })) {
      settings.push(`SLOTS=${fewer}`);
      break;
    }
  for (let size = contextSize >> 1; size >= shortestContext; size >>= 1)
    if (await fits({ contextSize: size })) {
      settings.push(`CONTEXT_SIZE=${size}`);
      break;
    }
  if (kvCacheType === "f16" && (await fits({ kvCacheType: "q8_0" })))
    settings.push("KV_CACHE_TYPE=q8_0");
  const advice =
    settings.length > 0
      ? `${settings.join(" or ")} would fit`
      : "no smaller context would fit either";
  return `${slots} slots of ${contextSize} tokens need ${mib(needed)} MiB, ${mib(needed - free)} MiB more than is free; ${advice}`;
}
