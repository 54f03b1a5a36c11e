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
import { fitSlots } from "./fitSlots.ts";
import { memoryOf, whatFits, type ContextPlan } from "./memory.ts";
import { fastestThreads } from "./threads.ts";

export interface Loaded {
  llama: Llama;
  model: LlamaModel;
  context: LlamaContext;
  device: string;
  memory: EngineInfo["memory"];
}

/** Of the free memory, so much may become context; the rest is for everybody else on the machine. */
const memoryShare = 0.6;

/** Loads the file at `path`. */
export async function load(
  path: string,
  config: EngineConfig,
  reports: EngineReports,
): Promise<Loaded> {
  /** The library's error names no cause; llama.cpp's lines do. */
  const causes = new Set<string>();
  const named = Promise.withResolvers<void>();
  try {
    const { llama, device } = await openLlama(config, reports, (line) => {
      causes.add(line);
      if (namedIn([line]).length > 0) named.resolve();
    });
    const { made, plan, failure } = await firstThatWorks(
      await layersOf(llama, path, config),
      (layers) => loadWith(layers, llama, path, config, reports),
    );
    if (failure !== undefined)
      reports.onWarning(
        `the GPU has no room for ${config.gpuLayers ?? "all"} layers: ${plan} are on it (${messageOf(failure)})`,
      );
    return { llama, device, ...made };
  } catch (cause) {
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

type Layers = number | "auto";

/** What to try; without a GPU there is nothing to choose. */
async function layersOf(
  llama: Llama,
  path: string,
  { gpuLayers }: EngineConfig,
): Promise<Layers[]> {
  if (llama.gpu === false) return ["auto"];
  const insights = await GgufInsights.from(await readGgufFileInfo(path), llama);
  return layersToTry(gpuLayers, insights.totalLayers);
}

async function loadWith(
  gpuLayers: Layers,
  llama: Llama,
  path: string,
  config: EngineConfig,
  reports: EngineReports,
): Promise<Pick<Loaded, "model" | "context" | "memory">> {
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
      ...(await openContext(llama, model, config, threads, reports)),
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

async function openContext(
  llama: Llama,
  model: LlamaModel,
  config: EngineConfig,
  threads: number | undefined,
  { onWarning }: EngineReports,
): Promise<Pick<Loaded, "context" | "memory">> {
  const { kvCacheType = "f16", lora } = config;
  const flashAttention = flashAttentionOf(config);
  const bytesOf = async (plan: ContextPlan): Promise<number> => {
    const type = ggmlTypes[plan.kvCacheType];
    const { cpuRam, gpuVram } =
      await model.fileInsights.estimateContextResourceRequirementsV2({
        contextSize: plan.contextSize,
        sequences: plan.slots,
        modelGpuLayers: model.gpuLayers,
        ...{ kvCacheKeyType: type, kvCacheValueType: type },
        flashAttention: plan.kvCacheType === "f16" ? flashAttention : true,
      });
    return llama.gpu === false ? cpuRam : gpuVram;
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
  const tooLarge = () => whatFits({ ...wish, kvCacheType }, free, bytesOf);
  const { made, plan, failure } = await firstThatWorks(
    halvings(wish.slots, 1),
    (sequences) =>
      model.createContext({
        sequences,
        // As a range where it is our own choice, so that the library may shrink it when the memory is gone meanwhile.
        contextSize: config.contextSize ?? { max: wish.contextSize },
        flashAttention,
        ...{ [kvKeyOption]: type, [kvValueOption]: type },
        ...(lora && {
          lora: { adapters: [{ filePath: lora.path, scale: lora.scale }] },
        }),
        ...(threads !== undefined && { threads }),
      }),
  ).catch(async (cause: unknown) => {
    const why = await tooLarge();
    throw why === undefined ? cause : new Error(why, { cause });
  });
  if (failure !== undefined)
    onWarning(
      `there is no room for ${wish.slots} slots: it has ${plan} (${(await tooLarge()) ?? messageOf(failure)})`,
    );
  const { contextSize } = made;
  return {
    context: made,
    memory: await memoryOf(
      model.size,
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
