/** Brings up llama.cpp, the model and its context; every failure is a ModelLoadError that says what to look at. */
import {
  getLlama,
  GgmlType,
  GgufInsights,
  LlamaLogLevel,
  readGgufFileInfo,
  type Llama,
  type LlamaContext,
  type LlamaContextOptions,
  type LlamaModel,
} from "node-llama-cpp";
import { setTimeout as sleep } from "node:timers/promises";
import {
  EngineError,
  type EngineConfig,
  type EngineInfo,
  type EngineReports,
} from "../engine.ts";
import { firstThatWorks, halvings, layersToTry } from "./fallBack.ts";
import { loadDraftModel } from "./draftModel.ts";
import { fitSlots } from "./fitSlots.ts";
import { cutsBack } from "./internals.ts";
import { memoryOf, whatFits, type ContextPlan } from "./memory.ts";
import { fastestThreads } from "./threads.ts";

export interface Loaded {
  llama: Llama;
  model: LlamaModel;
  context: LlamaContext;
  /** Of the draft model, with a sequence for each of the model's; undefined: there is none, or it can't be used. */
  draftContext?: LlamaContext | undefined;
  device: string;
  memory: EngineInfo["memory"];
}

/** Of the free memory, so much may become context; the rest is for everybody else on the machine. */
const memoryShare = 0.6;

/** Loads the file at `path`, and the draft model at `draftPath` where that can draft for it. */
export async function load(
  path: string,
  config: EngineConfig,
  reports: EngineReports,
  draftPath?: string,
): Promise<Loaded> {
  /** The library's error names no cause; llama.cpp's lines do. */
  const causes = new Set<string>();
  const named = Promise.withResolvers<void>();
  try {
    const { llama, device } = await openLlama(config, reports, (line) => {
      causes.add(line);
      if (namedIn([line]).length > 0) named.resolve();
    });
    // First, so that its layers and its context find room on a GPU.
    const draft =
      draftPath === undefined
        ? undefined
        : await openDraftModel(llama, draftPath, path);
    const { made, plan, failure } = await firstThatWorks(
      await layersOf(llama, path, config),
      (layers) => loadWith(layers, llama, path, draft, config, reports),
    );
    if (failure !== undefined)
      reports.onWarning(
        `the GPU has no room for ${config.gpuLayers ?? "all"} layers: ${plan} are on it (${messageOf(failure)})`,
      );
    return { llama, device, ...made };
  } catch (cause) {
    if (cause instanceof EngineError) throw cause;
    // The lines come from another thread, and can come after the error.
    await Promise.race([named.promise, sleep(causeWithinMs)]);
    throw new EngineError(
      "ModelLoadError",
      `the model file ${path} could not be loaded: ${[messageOf(cause), ...namedIn(causes)].join("; ")}`,
      { cause },
    );
  }
}

const mostCauses = 3;
const causeWithinMs = 1_000;

/** Without the lines that only say that it failed, and without the name of the function at their beginning. */
const namedIn = (lines: Iterable<string>): string[] =>
  [...lines]
    .flatMap((text) => text.split("\n"))
    .filter((line) => !/^\s*$|failed to load model\b/.test(line))
    .map((line) => line.trim().replace(/^(\w+: )+(error loading model: )?/, ""))
    .slice(0, mostCauses);

const messageOf = (error: unknown): string =>
  error instanceof Error ? error.message : String(error);

const insightsOf = async (llama: Llama, path: string): Promise<GgufInsights> =>
  await GgufInsights.from(await readGgufFileInfo(path), llama);

/** Undefined where the model at `path` can't use one. */
async function openDraftModel(
  llama: Llama,
  draftPath: string,
  path: string,
): Promise<LlamaModel | undefined> {
  const insights = await insightsOf(llama, path);
  if (!cutsBack(insights)) return undefined;
  return await loadDraftModel(llama, draftPath, insights);
}

type Layers = number | "auto";

/** What to try; without a GPU there is nothing to choose. */
async function layersOf(
  llama: Llama,
  path: string,
  { gpuLayers }: EngineConfig,
): Promise<Layers[]> {
  if (llama.gpu === false) return ["auto"];
  const { totalLayers } = await insightsOf(llama, path);
  return layersToTry(gpuLayers, totalLayers);
}

async function loadWith(
  gpuLayers: Layers,
  llama: Llama,
  path: string,
  draft: LlamaModel | undefined,
  config: EngineConfig,
  reports: EngineReports,
): Promise<Omit<Loaded, "llama" | "device">> {
  const model = await llama.loadModel({
    modelPath: path,
    gpuLayers,
    onLoadProgress: (done) => reports.onProgress({ step: "load", done }),
  });
  try {
    const threads = await threadsFor(llama, model, path, config);
    if (threads !== undefined) llama.maxThreads = threads;
    return {
      model,
      ...(await openContexts(llama, model, draft, config, threads, reports)),
    };
  } catch (error) {
    // Nothing runs on it yet; its memory is needed for the next try.
    await model.dispose();
    throw error;
  }
}

async function openLlama(
  { gpu }: EngineConfig,
  { onWarning }: EngineReports,
  onError: (line: string) => void,
): Promise<{ llama: Llama; device: string }> {
  const open = (gpu: "auto" | "cuda" | "vulkan" | "metal" | false) =>
    getLlama({
      gpu,
      // Never compile on a user's machine: the binaries come with the package.
      build: "never",
      progressLogs: false,
      // Warnings and errors never hold a prompt; more detailed levels may.
      logLevel: LlamaLogLevel.warn,
      logger(level, message) {
        process.stderr.write(`${message}\n`);
        if (level === LlamaLogLevel.error) onError(message);
      },
    });
  const named = gpu !== "auto" && gpu !== "off";
  try {
    const llama = await open(gpu === "off" ? false : gpu);
    if (!named || llama.gpu === gpu)
      return { llama, device: llama.gpu === false ? "cpu" : llama.gpu };
    await llama.dispose();
  } catch (error) {
    if (!named) throw error;
    onWarning(messageOf(error));
  }
  onWarning(`GPU=${gpu} cannot be used on this machine: running on the CPU`);
  return { llama: await open(false), device: `cpu (no ${gpu})` };
}

/** Undefined on a GPU: the library's choice. */
async function threadsFor(
  llama: Llama,
  model: LlamaModel,
  path: string,
  { threads, dataDir }: EngineConfig,
): Promise<number | undefined> {
  if (threads !== undefined || llama.gpu !== false) return threads;
  return await fastestThreads(llama, model, { path, dataDir });
}

async function openContexts(
  llama: Llama,
  model: LlamaModel,
  draft: LlamaModel | undefined,
  config: EngineConfig,
  threads: number | undefined,
  { onWarning }: EngineReports,
): Promise<Omit<Loaded, "llama" | "device" | "model">> {
  const { kvCacheType = "f16", lora } = config;
  const flashAttention = flashAttentionOf(config);
  const models = draft === undefined ? [model] : [model, draft];
  const bytesOf = async (plan: ContextPlan): Promise<number> => {
    const type = ggmlTypes[plan.kvCacheType];
    let bytes = 0;
    for (const { fileInsights, gpuLayers } of models) {
      const { cpuRam, gpuVram } =
        await fileInsights.estimateContextResourceRequirementsV2({
          contextSize: plan.contextSize,
          sequences: plan.slots,
          modelGpuLayers: gpuLayers,
          ...{ kvCacheKeyType: type, kvCacheValueType: type },
          flashAttention: plan.kvCacheType === "f16" ? flashAttention : true,
        });
      bytes += llama.gpu === false ? cpuRam : gpuVram;
    }
    return bytes;
  };
  const { free } =
    llama.gpu === false
      ? await llama.getRamState()
      : await llama.getVramState();
  const wish = await fitSlots({
    slots: config.slots,
    contextSize: config.contextSize,
    trainedSize: model.trainContextSize,
    budget: free * memoryShare,
    bytesOf: (plan) => bytesOf({ ...plan, kvCacheType }),
  });
  const type = ggmlTypes[kvCacheType];
  const options: LlamaContextOptions = {
    flashAttention,
    ...{ [kvKeyOption]: type, [kvValueOption]: type },
    ...(threads !== undefined && { threads }),
  };
  const tooLarge = () => whatFits({ ...wish, kvCacheType }, free, bytesOf);
  const { made, plan, failure } = await firstThatWorks(
    halvings(wish.slots, 1),
    async (sequences) => {
      const context = await model.createContext({
        ...{ ...options, sequences },
        // As a range where it is our own choice, so that the library may shrink it when the memory is gone meanwhile.
        contextSize: config.contextSize ?? { max: wish.contextSize },
        ...(lora && {
          lora: { adapters: [{ filePath: lora.path, scale: lora.scale }] },
        }),
      });
      const { contextSize } = context;
      try {
        const draftContext = await draft?.createContext({
          ...{ ...options, sequences, contextSize },
        });
        return { context, draftContext };
      } catch (error) {
        await context.dispose();
        throw error;
      }
    },
  ).catch(async (cause: unknown) => {
    const why = await tooLarge();
    throw why === undefined ? cause : new Error(why, { cause });
  });
  if (failure !== undefined)
    onWarning(
      `there is no room for ${wish.slots} slots: it has ${plan} (${(await tooLarge()) ?? messageOf(failure)})`,
    );
  const { contextSize } = made.context;
  return {
    ...made,
    memory: await memoryOf(
      models.reduce((sum, { size }) => sum + size, 0),
      { slots: plan, contextSize, kvCacheType },
      bytesOf,
    ),
  };
}

const ggmlTypes = { f16: GgmlType.F16, q8_0: GgmlType.Q8_0 };
// The library calls these experimental, since types other than ours may crash.
const kvKeyOption = "experimentalKvCacheKeyType";
const kvValueOption = "experimentalKvCacheValueType";

/** Quantized values are read by flash attention only. */
const flashAttentionOf = ({
  kvCacheType,
  flashAttention = "auto",
}: EngineConfig): NonNullable<LlamaContextOptions["flashAttention"]> =>
  kvCacheType === "q8_0" || flashAttention === "on"
    ? true
    : flashAttention === "auto" && "auto";
