import {
  BrokerSettings,
  count,
  duration,
  modelNameOf,
} from "@jetscribe/runtime";
import { slugOf } from "@jetscribe/schema";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import * as z from "zod";
import type { EngineConfig } from "./engine.ts";

/** Part of the project. */
const demoModel = fileURLToPath(
  new URL("../../../models/demo.gguf", import.meta.url),
);

/** The worker's settings; each variable is described in `.env.example`. */
export const Config = BrokerSettings.extend({
  REDIS_URL: z.string().default("redis://127.0.0.1:6379"),
  DATA_DIR: z.string().default(".data"),
  MODEL: z.string().default(demoModel),
  MODEL_NAME: z.string().optional(),
  ENGINE: z.enum(["llama", "fake"]).default("llama"),
  SLOTS: count(undefined, { min: 1, max: 256 }).optional(),
  CONTEXT_SIZE: count(undefined, { min: 16 }).optional(),
  GPU: z.enum(["auto", "cuda", "vulkan", "metal", "off"]).default("auto"),
  GPU_LAYERS: count().optional(),
  THREADS: z
    .union([
      z.literal("auto").transform(() => undefined),
      count(undefined, { min: 1, max: 1_024 }),
    ])
    .optional(),
  FAKE_MS: count(0),
  FAKE_TOKENS: count(16, { min: 1, max: 32_768 }),
  ACK_WAIT: duration("15s"),
  HANG_TIMEOUT: duration("30s"),
  DRAIN_TIMEOUT: duration("30s"),
  MAX_ATTEMPTS: count(3, { min: 1, max: 100 }),
}).transform((env) => {
  const modelName = env.MODEL_NAME ?? modelNameOf(env.MODEL);
  const engine: EngineConfig = {
    engine: env.ENGINE,
    model: env.MODEL,
    modelsDir: join(env.DATA_DIR, "models"),
    dataDir: env.DATA_DIR,
    slots: env.SLOTS,
    contextSize: env.CONTEXT_SIZE,
    gpu: env.GPU,
    gpuLayers: env.GPU_LAYERS,
    threads: env.THREADS,
    fakeMs: env.FAKE_MS,
    fakeTokens: env.FAKE_TOKENS,
  };
  return {
    broker: env,
    redisUrl: env.REDIS_URL,
    /** As people see it, and as it stands in subjects. */
    modelName,
    model: slugOf(modelName),
    engine,
    ackWaitMs: env.ACK_WAIT,
    hangTimeoutMs: env.HANG_TIMEOUT,
    drainTimeoutMs: env.DRAIN_TIMEOUT,
    maxAttempts: env.MAX_ATTEMPTS,
  };
});
export type Config = z.infer<typeof Config>;
