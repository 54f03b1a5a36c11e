/**
 * The only file that names what node-llama-cpp keeps inside. Its version is exact in package.json, and `openNative` looks
 * at the shape of what it finds before anything is built on it.
 */
import {
  LlamaGrammarEvaluationState,
  type GgufInsights,
  type LlamaContext,
  type LlamaGrammar,
  type LlamaModel,
  type Token,
  type TokenBias,
} from "node-llama-cpp";
import type { Sampling } from "./sequence.ts";

/** The library's own setter leaves out the tokens that end a text, so its map is filled here. */
export function fillBias(
  bias: TokenBias,
  biases: ReadonlyMap<Token, number>,
): TokenBias {
  const inside = bias as unknown as { _biases: Map<Token, number> };
  for (const [token, logit] of biases) inside._biases.set(token, logit);
  return bias;
}

/** llama.cpp's context, by the calls that decode and sample. Those that don't return a promise must not run beside one that does. */
export interface Native {
  /** Tokens that a batch can have. */
  batchSize: number;
  /** A sequence can be cut anywhere; false: it can only be emptied, as with a sliding window or a recurrent state. */
  cutsBack: boolean;
  /** Few tokens of a sequence in one batch come out as each of them does alone, bit for bit. */
  rowsAlike: boolean;
  /** Decodes the shares in one batch. */
  decode: (shares: readonly Share[]) => Decoding;
  /**
   * The token that the sampler chooses by the logits at `index`, which hold until the next decode. While a batch is
   * decoded it waits for that one's end.
   */
  sample: (index: number, sampler: Sampler) => Promise<Token>;
  /** As `sample`, but gives each token's number and its probability, the likeliest first. */
  probabilities: (
    index: number,
    sampler: Sampler,
  ) => Promise<readonly number[]>;
  makeSampler: (sampling: Sampling) => Sampler;
  /** No cell of a sequence was given to another token: models with a window do that, and not all files tell of one. */
  isWhole: (sequence: number) => boolean;
  /** Forgets a sequence's tokens from this position on; false: it can't be cut there. */
  cut: (sequence: number, from: number) => boolean;
  setThreads: (threads: number) => void;
}

/** A batch that is decoded. */
export interface Decoding {
  /** Where the logits after each share's last token that is no draft will be; those after its drafts follow. */
  logits: number[];
  done: Promise<void>;
}

/** Tokens of one sequence that come next to each other in a batch. */
export interface Share {
  sequence: number;
  /** Of the first token in the sequence. */
  position: number;
  tokens: readonly Token[];
  /** How many of the tokens, at their end, are guessed. */
  drafted: number;
}

/** Chooses the tokens of one answer, and remembers what penalties and a grammar need of them. */
export interface Sampler extends Disposable {
  readonly native: object;
}

interface AddonContext {
  initBatch: (size: number) => void;
  addToBatch: (
    sequence: number,
    position: number,
    tokens: Uint32Array,
    logitsOf: Uint32Array,
  ) => Uint32Array;
  decodeBatch: () => Promise<void>;
  sampleToken: {
    (index: number, sampler: object): Promise<number>;
    (
      index: number,
      sampler: object,
      probabilities: true,
    ): Promise<[token: number, probabilities: number[] | undefined]>;
  };
  removeTokenCellsFromSequence: (
    sequence: number,
    from: number,
    to: number,
  ) => boolean;
  /** -1: it is empty. */
  getSequenceKvCacheMinPosition: (sequence: number) => number;
  setThreads: (threads: number) => void;
}

interface AddonSampler {
  applyConfig: (config: object) => void;
  dispose: () => void;
}

interface Inside {
  context: { _ctx: AddonContext };
  model: { _model: object };
  llama: { _bindings: { AddonSampler: new (model: object) => AddonSampler } };
}

/** What is missing of it; undefined: nothing. */
function differenceOf({ context, model, llama }: Inside): string | undefined {
  const names = [
    ...["initBatch", "addToBatch", "decodeBatch", "sampleToken"],
    ...["removeTokenCellsFromSequence", "getSequenceKvCacheMinPosition"],
    "setThreads",
  ];
  const inner = context._ctx as unknown as Record<string, unknown> | undefined;
  const missing = names.find((name) => typeof inner?.[name] !== "function");
  if (missing !== undefined) return `its context has no ${missing}`;
  if (typeof model._model !== "object") return "its model has no _model";
  const { AddonSampler } = (llama._bindings ?? {}) as Partial<
    Inside["llama"]["_bindings"]
  >;
  if (typeof AddonSampler !== "function") return "it has no AddonSampler";
  const sampler = new AddonSampler(model._model);
  for (const name of ["applyConfig", "dispose"] as const)
    if (typeof sampler[name] !== "function")
      return `its sampler has no ${name}`;
  sampler.dispose();
  return undefined;
}

/** Whether a sequence of this model can be cut anywhere. */
export const cutsBack = ({
  isRecurrent,
  isHybrid,
  swaSize,
}: Pick<GgufInsights, "isRecurrent" | "isHybrid" | "swaSize">): boolean =>
  !isRecurrent && !isHybrid && swaSize === undefined;

/**
 * The native side of a context that has no sequence in use. `worksInOrder`: the process's thread pool has one thread, so
 * it samples after it has decoded without a way back to this thread in between. A string: in what node-llama-cpp differs
 * from what is known here.
 */
export function openNative(
  context: LlamaContext,
  { worksInOrder = false } = {},
): Native | string {
  const { model } = context;
  const inside = {
    ...{ context, model, llama: model.llama },
  } as unknown as Inside;
  const difference = differenceOf(inside);
  if (difference !== undefined) return difference;
  const inner = inside.context._ctx;
  const { AddonSampler } = inside.llama._bindings;
  // They are read before the call returns. Of a step with sixteen answers, making anew what is passed took a tenth.
  const oneToken = new Uint32Array(1);
  const oneIndex = new Uint32Array(1);
  let decoded: Promise<void> | undefined;

  return {
    batchSize: context.batchSize,
    cutsBack: cutsBack(model.fileInsights),
    rowsAlike: false,
    decode(shares) {
      inner.initBatch(
        shares.reduce((sum, { tokens }) => sum + tokens.length, 0),
      );
      let length = 0;
      const logits = shares.map(({ sequence, position, tokens, drafted }) => {
        let [ids, indexes] = [oneToken, oneIndex];
        if (tokens.length > 1) ids = Uint32Array.from(tokens);
        else ids[0] = tokens[0]!;
        const first = tokens.length - 1 - drafted;
        if (drafted > 0)
          indexes = Uint32Array.from(
            { length: drafted + 1 },
            (_, i) => first + i,
          );
        else indexes[0] = first;
        inner.addToBatch(sequence, position, ids, indexes);
        length += tokens.length;
        return length - 1 - drafted;
      });
      const done = inner.decodeBatch();
      decoded = worksInOrder ? undefined : done.catch(() => undefined);
      return { logits, done };
    },
    async sample(index, sampler) {
      if (!worksInOrder) await decoded;
      const token = await inner.sampleToken(index, sampler.native);
      if (token < 0) throw new Error("the sampler found no token");
      return token as Token;
    },
    async probabilities(index, sampler) {
      if (!worksInOrder) await decoded;
      const [, all] = await inner.sampleToken(index, sampler.native, true);
      return all ?? [];
    },
    makeSampler(sampling) {
      const native = new AddonSampler(inside.model._model);
      native.applyConfig(configOf(model, sampling));
      return { native, [Symbol.dispose]: () => native.dispose() };
    },
    isWhole: (sequence) => inner.getSequenceKvCacheMinPosition(sequence) <= 0,
    cut: (sequence, from) =>
      inner.removeTokenCellsFromSequence(sequence, from, -1),
    setThreads: (threads) => inner.setThreads(threads),
  };
}

/** What the sampler is told once: it sees for itself which tokens it chose. */
function configOf(
  model: LlamaModel,
  { penalties, bias, grammar, topK, ...rest }: Sampling,
): object {
  // "All tokens" would sort them all. Below 1, top_p sorts as many as it keeps, or all where these are over 256.
  const sortsItself = topK === 0 && rest.topP < 1;
  return {
    ...rest,
    ...(!sortsItself && { topK }),
    ...(penalties && {
      repeatPenalty: penalties.repeat,
      repeatPenaltyPresencePenalty: penalties.presence,
      repeatPenaltyFrequencyPenalty: penalties.frequency,
      repeatPenaltyMaxTokens: penalties.lookBack,
      repeatPenaltyTokens: Uint32Array.from(
        penalties.written.slice(-penalties.lookBack),
      ),
    }),
    ...(bias && {
      tokenBiasKeys: Uint32Array.from(bias.keys()),
      tokenBiasValues: Float32Array.from(bias.values()),
    }),
    ...(grammar && { grammarEvaluationState: stateOf(model, grammar) }),
  };
}

function stateOf(model: LlamaModel, grammar: LlamaGrammar): object {
  const state = new LlamaGrammarEvaluationState({ model, grammar });
  return (state as unknown as { _state: object })._state;
}
