/** Brings up llama.cpp, the model and its context; every failure is a ModelLoadError that says what to look at. */
import {
  getLlama,
  LlamaLogLevel,
  type Llama,
  type LlamaContext,
  type LlamaModel,
} from "node-llama-cpp";
import {
  EngineError,
  type EngineConfig,
  type EngineReports,
} from "../engine.ts";
import { fitSlots } from "./fitSlots.ts";
import { fastestThreads } from "./threads.ts";

export interface Loaded {
  llama: Llama;
  model: LlamaModel;
  context: LlamaContext;
  device: string;
}

/** Of the free memory, so much may become context; the rest is for everybody else on the machine. */
const memoryShare = 0.6;

/** Loads the file at `path`. */
export async function load(
  path: string,
  config: EngineConfig,
  reports: EngineReports,
): Promise<Loaded> {
  try {
    const { llama, device } = await openLlama(config, reports);
    const model = await llama.loadModel({
      modelPath: path,
      gpuLayers: config.gpuLayers ?? "auto",
      onLoadProgress: (done) => reports.onProgress({ step: "load", done }),
    });
    const threads = await threadsFor(llama, model, path, config);
    if (threads !== undefined) llama.maxThreads = threads;
    const context = await openContext(llama, model, config, threads);
    return { llama, model, context, device };
  } catch (cause) {
    throw new EngineError(
      "ModelLoadError",
      `the model file ${path} could not be loaded: ${cause instanceof Error ? cause.message : String(cause)}`,
      { cause },
    );
  }
}

async function openLlama(
  { gpu }: EngineConfig,
  { onWarning }: EngineReports,
): Promise<{ llama: Llama; device: string }> {
  const open = (gpu: "auto" | "cuda" | "vulkan" | "metal" | false) =>
    getLlama({
      gpu,
      // Never compile on a user's machine: the binaries come with the package.
      build: "never",
      progressLogs: false,
      // Warnings and errors never hold a prompt; more detailed levels may.
      logLevel: LlamaLogLevel.warn,
      logger: (_level, message) => process.stderr.write(`${message}\n`),
    });
  const named = gpu !== "auto" && gpu !== "off";
  try {
    const llama = await open(gpu === "off" ? false : gpu);
    if (!named || llama.gpu === gpu)
      return { llama, device: llama.gpu === false ? "cpu" : llama.gpu };
    await llama.dispose();
  } catch (error) {
    if (!named) throw error;
    onWarning(String(error));
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
): Promise<LlamaContext> {
  const { free } =
    llama.gpu === false
      ? await llama.getRamState()
      : await llama.getVramState();
  const { slots, contextSize } = await fitSlots({
    slots: config.slots,
    contextSize: config.contextSize,
    trainedSize: model.trainContextSize,
    budget: free * memoryShare,
    bytesOf: async ({ slots, contextSize }) => {
      const { cpuRam, gpuVram } =
        await model.fileInsights.estimateContextResourceRequirementsV2({
          contextSize,
          sequences: slots,
          modelGpuLayers: model.gpuLayers,
        });
      return llama.gpu === false ? cpuRam : gpuVram;
    },
  });
  return await model.createContext({
    sequences: slots,
    // As a range where it is our own choice, so that the library may shrink it when the memory is gone meanwhile.
    contextSize: config.contextSize ?? { max: contextSize },
    ...(threads !== undefined && { threads }),
  });
}
