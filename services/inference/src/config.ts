import {
  BrokerSettings,
  chooseModelName,
  count,
  duration,
  RedisSettings,
} from "@jetscribe/runtime";
import { slugOf } from "@jetscribe/schema";
import { join, resolve } from "node:path";
import { fileURLToPath } from "node:url";
import * as z from "zod";

/** Part of the project. */
const demoModel = fileURLToPath(
  new URL("../../../models/demo.gguf", import.meta.url),
);

/** Without a user and a password, which would come into logs. */
const UpstreamUrl = z
  .url({ protocol: /^https?$/, error: "expected an http or https URL" })
  .refine((url) => !/^[^/]+\/\/[^/]*@/.test(url), {
    error: "no user and password in it: use UPSTREAM_KEY",
  });

/** `/path.gguf` or `/path.gguf:0.5`. */
const Lora = z.string().transform((lora) => {
  const [, path = lora, scale = "1"] =
    /^(.+):(-?\d+(?:\.\d+)?)$/.exec(lora) ?? [];
  return { path: resolve(path), scale: Number(scale) };
});

/** Cores as `taskset` names them: `1` or `0-3,8`. */
const Cpus = z
  .string()
  .regex(/^\d+(-\d+)?(,\d+(-\d+)?)*$/, "expected cores as in 1 or 0-3,8");

/** The worker's settings; each variable is described in `.env.example`. */
export const Config = BrokerSettings.extend({
  ...RedisSettings.shape,
  DATA_DIR: z.string().default(".data"),
  MODEL: z.string().default(demoModel),
  MODEL_NAME: z.string().optional(),
  ENGINE: z.enum(["llama", "openai", "fake"]).default("llama"),
  UPSTREAM_URL: UpstreamUrl.optional(),
  UPSTREAM_KEY: z.string().optional(),
  UPSTREAM_MODEL: z.string().optional(),
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
  ENGINE_CPUS: Cpus.optional(),
  ENGINE_LOOP: z.enum(["auto", "library"]).default("auto"),
  KV_CACHE_TYPE: z.enum(["f16", "q8_0"]).default("f16"),
  FLASH_ATTENTION: z.enum(["auto", "on", "off"]).default("auto"),
  LORA: Lora.optional(),
  SPECULATION: z.enum(["off", "on", "auto"]).optional(),
  DRAFT_MODEL: z.string().optional(),
  FAKE_MS: count(0),
  FAKE_TOKENS: count(16, { min: 1, max: 32_768 }),
  ACK_WAIT: duration("15s"),
  HANG_TIMEOUT: duration("30s"),
  DRAIN_TIMEOUT: duration("30s"),
  MAX_ATTEMPTS: count(3, { min: 1, max: 100 }),
}).transform((env, context) => {
  const { UPSTREAM_URL: url, UPSTREAM_MODEL: upstreamModel } = env;
  // Its key is no business of an engine that runs model files.
  const upstream =
    env.ENGINE === "openai" && url !== undefined && upstreamModel !== undefined
      ? { url, key: env.UPSTREAM_KEY, model: upstreamModel }
      : undefined;
  if (env.ENGINE === "openai" && upstream === undefined)
    context.addIssue(
      "ENGINE=openai needs UPSTREAM_URL and UPSTREAM_MODEL to be set",
    );
  if (env.KV_CACHE_TYPE === "q8_0" && env.FLASH_ATTENTION === "off")
    context.addIssue(
      "KV_CACHE_TYPE=q8_0 needs flash attention, and FLASH_ATTENTION is off",
    );
  const modelName = chooseModelName(env, context);
  if (context.issues.length > 0) return z.NEVER;
  const engine = {
    engine: env.ENGINE,
    upstream,
    model: env.MODEL,
    /** Where downloaded models are kept. */
    modelsDir: join(env.DATA_DIR, "models"),
    /** Where small facts are kept between starts (the models' hashes). */
    dataDir: env.DATA_DIR,
    slots: env.SLOTS,
    contextSize: env.CONTEXT_SIZE,
    gpu: env.GPU,
    gpuLayers: env.GPU_LAYERS,
    threads: env.THREADS,
    /** The cores that the engine's process may use; undefined: all that the worker may. */
    cpus: env.ENGINE_CPUS,
    engineLoop: env.ENGINE_LOOP,
    kvCacheType: env.KV_CACHE_TYPE,
    flashAttention: env.FLASH_ATTENTION,
    lora: env.LORA,
    speculation:
      env.SPECULATION ?? (env.DRAFT_MODEL === undefined ? "off" : "auto"),
    draftModel: env.DRAFT_MODEL,
    fakeMs: env.FAKE_MS,
    fakeTokens: env.FAKE_TOKENS,
  };
  return {
    broker: env,
    redis: { url: env.REDIS_URL, prefix: env.REDIS_PREFIX },
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
