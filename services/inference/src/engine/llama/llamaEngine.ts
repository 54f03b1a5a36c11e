/**
 * The engine behind the port: node-llama-cpp with one context whose sequences are the slots (continuous batching).
 * Its process must have `UV_THREADPOOL_SIZE=1`; see forkEngine.ts.
 */
import { availableParallelism, cpus } from "node:os";
import type { EngineSpeculation } from "@jetscribe/schema";
import { getModuleVersion } from "node-llama-cpp";
import {
  EngineError,
  type Engine,
  type EngineConfig,
  type EngineInfo,
  type EngineReports,
  type EngineRequest,
  type EngineResult,
  type GenerateOptions,
} from "../engine.ts";
import { makeBiasOf } from "./bias.ts";
import { sharedTokens } from "./draftModel.ts";
import { generate } from "./generate.ts";
import { openNative } from "./internals.ts";
import { makeLibrarySequences } from "./libraryLoop.ts";
import { load, type Loaded } from "./load.ts";
import { checkLora } from "./lora.ts";
import { makeBatchLoop } from "./loop/batchLoop.ts";
import { makeDraftModel, type DraftModel } from "./loop/draftModel.ts";
import { makeSpeculation } from "./loop/speculation.ts";
import { fixedThreads, makeThreads, type Threads } from "./loop/threads.ts";
import { findModelFile, quantizationOf } from "./modelFile.ts";
import { modelHash } from "./modelHash.ts";
import { makePromptReader } from "./prompt.ts";
import { areRowsAlike, knownRowsAlike } from "./rowsAlike.ts";
import type { Sequence } from "./sequence.ts";
import { makeSlots } from "./slots.ts";

/** Loads the model and warms it up; rejects with a ModelLoadError. */
export async function makeLlamaEngine(
  config: EngineConfig,
  reports: EngineReports,
): Promise<Engine> {
  const path = await findModelFile(config, (done) =>
    reports.onProgress({ step: "download", done }),
  );
  const draftPath = await findDraftModel(config, reports);
  const { lora } = config;
  if (lora !== undefined) await checkLora(lora.path, path);
  const [loaded, hash, loraHash] = await Promise.all([
    load(path, config, reports, draftPath),
    modelHash(path, config.dataDir),
    lora && modelHash(lora.path, config.dataDir),
  ]);
  const { model, context } = loaded;
  const read = makePromptReader(model);
  const biasOf = makeBiasOf(model);
  const hashes = [hash, loraHash ?? "no LoRA"].join(" ");
  const { sequences, threads, speculation } = await openLoop(
    ...[loaded, hashes, config, reports],
  );
  const slots = makeSlots(sequences);

  async function run(
    request: EngineRequest,
    options: GenerateOptions,
  ): Promise<EngineResult> {
    options.signal.throwIfAborted();
    const prompt = await read(request, context.contextSize, options.signal);
    const tokens = [...prompt.tokens, ...prompt.begun];
    const slot = await slots.take(
      { tokens, owner: request.owner },
      options.signal,
      request.probe,
    );
    let broken = false;
    try {
      const { contextSize } = context;
      const place = { model, contextSize, biasOf, sequence: slot.sequence };
      return await generate(place, prompt, request, options);
    } catch (cause) {
      if (options.signal.aborted) throw options.signal.reason;
      if (cause instanceof EngineError) throw cause;
      broken = true;
      throw new EngineError("RuntimeError", String(cause), { cause });
    } finally {
      await slot.free(broken);
    }
  }

  const info: EngineInfo = {
    ...(await infoOf(loaded, hash)),
    speculation,
    ...(lora && loraHash && { loraSha256: loraHash, loraScale: lora.scale }),
  };
  if (threads !== undefined) info.threads = threads.choice();
  const engine = { info, generate: run };
  await warmUp(engine);
  return engine;
}

/** Undefined where it would not be used. */
async function findDraftModel(
  { draftModel, speculation, engineLoop, modelsDir }: EngineConfig,
  { onProgress }: EngineReports,
): Promise<string | undefined> {
  const isOff = speculation === undefined || speculation === "off";
  if (draftModel === undefined || isOff || engineLoop === "library")
    return undefined;
  return await findModelFile(
    { model: draftModel, modelsDir },
    (done) => onProgress({ step: "download", done }),
    "draft model",
  );
}

interface Loop {
  sequences: Sequence[];
  /** Undefined: they are not chosen here. */
  threads?: Threads;
  speculation: EngineSpeculation;
}

/** The loop of our own, unless it can't be or is not wanted. */
async function openLoop(
  loaded: Loaded,
  hashes: string,
  config: EngineConfig,
  { onWarning, onThreads }: EngineReports,
): Promise<Loop> {
  const { llama, context, draftContext } = loaded;
  const { engineLoop, threads: asked, speculation: mode = "off" } = config;
  const libraryLoop = (): Loop => ({
    sequences: makeLibrarySequences(context),
    speculation: noSpeculation(config, "node-llama-cpp's loop decodes"),
  });
  if (engineLoop === "library") return libraryLoop();
  const opened = openNative(context, { worksInOrder: true });
  if (typeof opened === "string") {
    onWarning(
      `node-llama-cpp is not the one that is known (${opened}): its own loop is used, which is slower`,
    );
    return libraryLoop();
  }
  // A GPU has other kernels for more rows.
  const rowsAlike =
    llama.gpu === false &&
    (await knownRowsAlike(
      `${hashes} ${computedBy(loaded, config)}`,
      config.dataDir,
      () => areRowsAlike(opened, context.model, context.contextSize),
    ));
  const native = { ...opened, rowsAlike };
  const first = context.idealThreads;
  const most = Math.min(availableParallelism(), llama.cpuMathCores);
  const isChosen = asked === undefined && llama.gpu === false && most > 1;
  const threads = isChosen
    ? makeThreads({ most, first, onChange: onThreads })
    : fixedThreads(first);
  const sequences = context.totalSequences;
  const chosen = isChosen ? { threads } : {};
  if (mode === "off" || !native.cutsBack)
    return {
      ...chosen,
      sequences: makeBatchLoop(native, sequences, threads),
      speculation: noSpeculation(
        config,
        "the model's cells can't be removed one by one",
      ),
    };
  const draftModel = openDraftModel(loaded);
  const speculation = makeSpeculation(
    mode,
    draftModel === undefined ? "lookup" : "model",
  );
  return {
    ...chosen,
    sequences: makeBatchLoop(
      native,
      sequences,
      threads,
      speculation,
      draftModel,
    ),
    speculation: {
      mode,
      ...(draftContext && { draft_model: draftContext.model.filename }),
      ...noneDrafted,
    },
  };
}

/** What computes the model: another one may compute it in another way. */
const computedBy = (
  { llama, context }: Loaded,
  { kvCacheType = "f16", flashAttention = "auto" }: EngineConfig,
): string =>
  [
    `llama.cpp ${llama.llamaCppRelease.release}`,
    `on ${cpus()[0]?.model ?? "cpu"}`,
    `KV ${kvCacheType}, flash attention ${flashAttention}`,
    `context ${context.contextSize}, batch ${context.batchSize}`,
  ].join(", ");

function openDraftModel({
  model,
  draftContext,
}: Loaded): DraftModel | undefined {
  if (draftContext === undefined) return undefined;
  const native = openNative(draftContext, { worksInOrder: true });
  // A string can't be, as the model's context was opened by then.
  if (typeof native === "string") return undefined;
  const shared = sharedTokens(draftContext.model, model);
  return makeDraftModel(native, draftContext.totalSequences, shared);
}

const noneDrafted = { drafted_tokens: 0, accepted_tokens: 0 };

function noSpeculation(
  { speculation: asked = "off", draftModel }: EngineConfig,
  why: string,
): EngineSpeculation {
  const unused =
    draftModel === undefined
      ? undefined
      : "SPECULATION is off: DRAFT_MODEL is not used";
  const because = asked === "off" ? unused : why;
  return {
    ...{ mode: "off" as const, ...noneDrafted },
    ...(because !== undefined && { because }),
  };
}

/** One token through the whole path: the first evaluation of a process is slow. */
async function warmUp(engine: Engine): Promise<void> {
  await engine.generate(
    {
      prompt: "Hi",
      raw: true,
      params: { max_tokens: 1, temperature: 0, top_p: 1 },
    },
    { signal: new AbortController().signal, onText: () => undefined },
  );
}

async function infoOf(
  { llama, model, context, device, memory }: Loaded,
  modelSha256: string,
): Promise<EngineInfo> {
  const quantization = quantizationOf(
    model.fileInfo.metadata.general.file_type,
  );
  return {
    slots: context.totalSequences,
    contextSize: context.contextSize,
    engine: "llama",
    engineVersion: `node-llama-cpp ${await getModuleVersion()}, llama.cpp ${llama.llamaCppRelease.release}`,
    modelSha256,
    ...(quantization !== undefined && { quantization }),
    device,
    ...(memory && { memory }),
  };
}
