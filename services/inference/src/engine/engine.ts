/**
 * The port to whatever generates text. Its adapters are `llama/`, `openai/` and `fake/`; the worker sees it
 * through `engineProcess.ts`, which keeps it in a child process. An engine is never closed: its process is killed, since
 * disposing of a model under a running generation crashes, and the system frees the memory either way.
 */
import {
  hasForm,
  type EngineSpeculation,
  type EngineThreads,
  type ErrorType,
  type FinishReason,
  type GenerateParams,
  type Message,
} from "@jetscribe/schema";
import type { Config } from "../config.ts";

type Settings = Config["engine"];
/** Everything an engine is told: its settings, which `.env.example` describes. */
export type EngineConfig = Partial<Settings> &
  Pick<Settings, "engine" | "model" | "modelsDir" | "dataDir" | "gpu"> &
  Pick<Settings, "fakeMs" | "fakeTokens">;

/** A server that speaks OpenAI's API. */
export type UpstreamConfig = NonNullable<Settings["upstream"]>;

/** Whether the model is fetched by name; anything else is a path. */
export const isRemote = (model: string): boolean => model.startsWith("hf:");

/** What an engine tells while it comes up. */
export interface EngineReports {
  onProgress: (progress: EngineProgress) => void;
  /** Something that does not stop it but that somebody should know. */
  onWarning: (message: string) => void;
  /** The numbers of threads are others than told before; also while it runs. */
  onThreads: (threads: EngineThreads) => void;
}

export interface EngineProgress {
  step: "download" | "load";
  /** 0 to 1. */
  done: number;
}

export interface EngineRequest {
  /** Exactly one of prompt and messages. */
  prompt?: string | undefined;
  messages?: Message[] | undefined;
  /** Continue the prompt as it is, without the chat template; special tokens written in it count as such. */
  raw?: boolean | undefined;
  params: GenerateParams;
  /** Go on from here. */
  continueFrom?: BegunText | undefined;
  /** Whose it is: of others' prompts that a slot remembers it may learn little. */
  owner?: string | undefined;
  /** It asks only whether the engine lives: it must cost no other task anything, nor what a slot remembers. */
  probe?: boolean | undefined;
}

/** The beginning of the text, by an earlier attempt. */
export interface BegunText {
  text: string;
  /** Generated for it; they count towards max_tokens, of which there are more. */
  tokens: number;
}

/**
 * Whether a begun text can be gone on with: a grammar begins at the start, and an upstream takes no half answer in a
 * chat.
 */
export const canGoOn = (
  engine: EngineConfig["engine"],
  { raw, params }: Pick<EngineRequest, "raw" | "params">,
): boolean => !hasForm(params) && (engine !== "openai" || raw === true);

export interface TokenCounts {
  /** While it speaks an upstream may not have told it yet: 0. */
  promptTokens: number;
  /** Tokens generated, those of `continueFrom` too, without the one that ends the text (an upstream may count it). */
  completionTokens: number;
}

export interface EngineResult extends TokenCounts {
  /** The whole text; `onText` got it in pieces, without that of `continueFrom`. */
  text: string;
  finishReason: FinishReason;
  /** Of the prompt's tokens, those that a slot still had from an earlier task. */
  cachedTokens: number;
  /** What the model thought before it answered, where an upstream tells that apart; it is no part of the text. */
  reasoning?: string;
  /** Tokens guessed ahead of the model, and those of them that it then wrote itself; absent: none were guessed. */
  draftedTokens?: number;
  acceptedTokens?: number;
  /** The sampler's seed that was used; absent: nothing was sampled. */
  seed?: number;
}

export interface GenerateOptions {
  /** Stops the generation within a token; generate() then rejects with the signal's reason. */
  signal: AbortSignal;
  /** A piece of the text, in whole characters, in order; and how many tokens there are by then. */
  onText: (text: string, counts: TokenCounts) => void;
  /** A part of the prompt was read: a sign of life while there is no text yet. */
  onRead?: () => void;
  /** Why it can't begin yet, as the end of a sentence about the task; undefined: it waits no longer. */
  onWaiting?: (why: string | undefined) => void;
}

/** What an engine that is ready says of itself. */
export interface EngineInfo {
  /** How many generations can run at once. */
  slots: number;
  /** Tokens that prompt and completion together can have; absent where only an upstream knows. */
  contextSize?: number;
  /** `llama`, `openai` or `fake`. */
  engine: string;
  /** Of an upstream: who owns the model there, `vllm` or `llamacpp`. */
  engineVersion?: string;
  modelSha256?: string;
  quantization?: string;
  /** The device in use: `cuda`, `vulkan`, `metal` or `cpu`; `cpu (no cuda)` where another one was asked for. */
  device?: string;
  /** Of the LoRA adapter that is applied to the model. */
  loraSha256?: string;
  loraScale?: number;
  /** What the llama engine takes of the device's memory, by its estimate. */
  memory?: {
    weights_mib: number;
    kv_per_slot_mib: number;
    compute_mib: number;
  };
  /** Where the engine chooses them itself. */
  threads?: EngineThreads;
  /** Of the llama engine; the worker counts on as results come. */
  speculation?: EngineSpeculation;
  /** What is not as it was asked for. */
  warnings?: string[];
}

export interface Engine {
  info: EngineInfo;
  /**
   * Generates one text. Rejects with an EngineError of type ValidationError, before anything is computed, where
   * prompt and max_tokens do not fit the context; RuntimeError for a native error.
   */
  generate(
    request: EngineRequest,
    options: GenerateOptions,
  ): Promise<EngineResult>;
}

/** An engine's refusal or failure, by the name that the task's failure will carry. */
export class EngineError extends Error {
  override readonly name = "EngineError";
  readonly type: ErrorType;
  /** The setting that is wrong, so that another start won't help. */
  readonly setting: string | undefined;
  constructor(
    type: ErrorType,
    message: string,
    options?: ErrorOptions & { setting?: string },
  ) {
    super(message, options);
    this.type = type;
    this.setting = options?.setting;
  }
}

/** How the engine's process ended. */
export interface Death {
  /** `hang`: it was ended, since it did nothing any more. */
  reason: "crash" | "hang";
  signal?: string | undefined;
  /** The last lines of the process's stderr. */
  stderrTail: string;
}

/** What computed it ended while it had work: the engine's process, or an upstream's answer; the work may be innocent. */
export class EngineDied extends Error {
  override readonly name = "EngineDied";
  readonly death: Death;
  constructor(
    message: string,
    death: Death = { reason: "crash", stderrTail: "" },
  ) {
    super(message);
    this.death = death;
  }
}

/** The refusal that every engine makes, with both numbers; `roughly`: a word for a prompt that was not counted to its end. */
export function refuseOverlong(
  promptTokens: number,
  maxTokens: number,
  contextSize: number,
  roughly: "" | "at least " = "",
): void {
  const together = promptTokens + maxTokens;
  if (together <= contextSize) return;
  throw new EngineError(
    "ValidationError",
    `the prompt has ${roughly}${promptTokens} token${promptTokens === 1 ? "" : "s"} and max_tokens is ${maxTokens}, together ${roughly}${together}; the context holds ${contextSize}`,
  );
}
