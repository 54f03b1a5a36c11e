/** What the tests of the engines share: an engine in a real child, and one request to it. */
import { readConfig } from "@jetscribe/runtime";
import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { Config } from "../src/config.ts";
import type {
  EngineConfig,
  EngineRequest,
  EngineResult,
  GenerateOptions,
} from "../src/engine/engine.ts";
import {
  makeEngineProcess,
  type EngineProcess,
  type EngineProcessOptions,
} from "../src/engine/process/engineProcess.ts";

export const demoModel = fileURLToPath(
  new URL("../../../models/demo.gguf", import.meta.url),
);

export interface TestEngine extends EngineProcess, AsyncDisposable {
  /** What was logged as an error: its fields. */
  errors: Record<string, unknown>[];
  /** A folder of the test's own. */
  folder: string;
}

/** Starts an engine, the fake one with four slots if nothing else is said; it need not be ready. */
export async function openEngine(
  config: Partial<EngineConfig> | ((folder: string) => Partial<EngineConfig>),
  { env = {}, ...options }: Partial<EngineProcessOptions> = {},
): Promise<TestEngine> {
  const folder = await mkdtemp(join(tmpdir(), "jetscribe-engine-"));
  const errors: Record<string, unknown>[] = [];
  const silent = () => undefined;
  const log = {
    debug: silent,
    info: silent,
    warn: silent,
    error: (fields: object) => void errors.push({ ...fields }),
  };
  const settings = readConfig(Config, {
    ENGINE: "fake",
    MODEL: demoModel,
    GPU: "off",
    SLOTS: "4",
    DATA_DIR: folder,
  });
  const engine = makeEngineProcess({
    config: {
      ...settings.engine,
      ...(typeof config === "function" ? config(folder) : config),
    },
    log,
    env,
    ...options,
  });
  return {
    ...engine,
    errors,
    folder,
    async [Symbol.asyncDispose]() {
      await engine.close();
      await rm(folder, { recursive: true });
    },
  };
}

/** A prompt, or more than that; greedy and long enough, if nothing else is said. */
export interface Ask extends Omit<EngineRequest, "params"> {
  params?: Partial<EngineRequest["params"]>;
  signal?: AbortSignal;
  onText?: GenerateOptions["onText"];
}

/** One generation; `pieces` are what onText got. */
export async function ask(
  engine: Pick<EngineProcess, "generate">,
  { params, signal, onText, ...request }: Ask,
): Promise<EngineResult & { pieces: string[] }> {
  const pieces: string[] = [];
  const result = await engine.generate(
    {
      ...request,
      params: { max_tokens: 256, temperature: 0, top_p: 1, ...params },
    },
    {
      signal: signal ?? new AbortController().signal,
      onText(text, counts) {
        pieces.push(text);
        onText?.(text, counts);
      },
    },
  );
  return { ...result, pieces };
}
