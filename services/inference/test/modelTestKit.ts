/** Tiny models with random weights and the demo model's vocabulary: what they say has no meaning, and depends on all that they read. */
import { gguf, makeRandom } from "@jetscribe/testing";
import { readGgufFileInfo } from "node-llama-cpp";
import { writeFileSync } from "node:fs";
import { demoModel } from "./engineTestKit.ts";

const { f32, fact, ggufHead, ggufTypes, list, padded, text, u32 } = gguf;
const f32Tensor = 0;
const dim = 64;
const layers = 2;
const ffn = 128;
/** Of Mamba's state. */
const ssm = { inner: 2 * dim, state: 16, conv: 4, rank: 4 };

type Vocabulary = Awaited<
  ReturnType<typeof readGgufFileInfo>
>["metadata"]["tokenizer"]["ggml"];

/** How the values of a tensor are made. */
type Values = "ones" | "negative" | "random";

interface Tensor {
  name: string;
  /** Inner dimension first. */
  dims: number[];
  values: Values;
}

export interface TinyModel {
  /** `mamba` has a recurrent state, `gemma3` a sliding window. */
  architecture: "llama" | "mamba" | "gemma3";
  /** Changes the demo model's. */
  vocabulary?: (vocabulary: Vocabulary) => Partial<Vocabulary>;
  seed?: number;
}

/** Tokens that `gemma3` looks back at. */
export const slidingWindow = 64;
const contextLength = 4_096;

/** Writes it to `file`, which it returns; the same values for the same seed. */
export async function writeTinyModel(
  file: string,
  { architecture, vocabulary, seed = 1 }: TinyModel,
): Promise<string> {
  const { metadata } = await readGgufFileInfo(demoModel);
  const demo = metadata.tokenizer.ggml;
  const tokenizer = { ...demo, ...vocabulary?.(demo) };
  const tensors = [
    matrix("token_embd", dim, tokenizer.tokens.length),
    vector("output_norm", dim),
    matrix("output", dim, tokenizer.tokens.length),
    ...Array.from({ length: layers }, (_, i) =>
      layersOf[architecture]().map(({ name, ...rest }) => {
        return { name: `blk.${i}.${name}`, ...rest };
      }),
    ).flat(),
  ];
  const head = ggufHead(
    [
      fact("general.architecture", ggufTypes.string, text(architecture)),
      ...Object.entries(factsOf[architecture]).map(([key, value]) =>
        fact(`${architecture}.${key}`, ggufTypes.u32, u32(value)),
      ),
      fact(
        `${architecture}.attention.layer_norm_rms_epsilon`,
        ggufTypes.f32,
        f32(1e-5),
      ),
      ...tokenizerFacts(tokenizer),
    ],
    tensors.map(({ name, dims }) => {
      return { name, dims, type: f32Tensor, size: 4 * product(dims) };
    }),
  );
  const random = makeRandom(seed);
  const values = tensors.map((tensor) =>
    padded(bytesOf(valuesOf(tensor, () => 2 * random.float() - 1))),
  );
  writeFileSync(file, Buffer.concat([head, ...values]));
  return file;
}

const matrix = (name: string, columns: number, rows: number): Tensor => ({
  ...{ name: `${name}.weight`, dims: [columns, rows], values: "random" },
});
const vector = (name: string, length: number): Tensor => ({
  ...{ name: `${name}.weight`, dims: [length], values: "ones" },
});

const transformer = (): Tensor[] => [
  vector("attn_norm", dim),
  ...["attn_q", "attn_k", "attn_v", "attn_output"].map((name) =>
    matrix(name, dim, dim),
  ),
  vector("ffn_norm", dim),
  matrix("ffn_gate", dim, ffn),
  matrix("ffn_up", dim, ffn),
  matrix("ffn_down", ffn, dim),
];

const layersOf: Record<TinyModel["architecture"], () => Tensor[]> = {
  llama: transformer,
  gemma3: () => [
    ...transformer(),
    ...["post_attention_norm", "post_ffw_norm"].map((name) =>
      vector(name, dim),
    ),
    ...["attn_q_norm", "attn_k_norm"].map((name) => vector(name, dim / 2)),
  ],
  mamba: () => [
    vector("attn_norm", dim),
    matrix("ssm_in", dim, 2 * ssm.inner),
    matrix("ssm_conv1d", ssm.conv, ssm.inner),
    { name: "ssm_conv1d.bias", dims: [ssm.inner], values: "random" },
    matrix("ssm_x", ssm.inner, ssm.rank + 2 * ssm.state),
    matrix("ssm_dt", ssm.rank, ssm.inner),
    { name: "ssm_dt.bias", dims: [ssm.inner], values: "random" },
    { name: "ssm_a", dims: [ssm.state, ssm.inner], values: "negative" },
    { name: "ssm_d", dims: [ssm.inner], values: "ones" },
    matrix("ssm_out", ssm.inner, dim),
  ],
};

const base = {
  context_length: contextLength,
  embedding_length: dim,
  block_count: layers,
};
const attention = {
  ...base,
  feed_forward_length: ffn,
  "attention.head_count": 2,
  "attention.head_count_kv": 2,
  "rope.dimension_count": dim / 2,
};
const factsOf: Record<TinyModel["architecture"], Record<string, number>> = {
  llama: attention,
  gemma3: {
    ...attention,
    "attention.key_length": dim / 2,
    "attention.value_length": dim / 2,
    "attention.sliding_window": slidingWindow,
  },
  mamba: {
    ...base,
    ...{ feed_forward_length: 0, "attention.head_count": 0 },
    "ssm.conv_kernel": ssm.conv,
    "ssm.inner_size": ssm.inner,
    "ssm.state_size": ssm.state,
    "ssm.time_step_rank": ssm.rank,
  },
};

const product = (dims: readonly number[]): number =>
  dims.reduce((a, b) => a * b, 1);

/** Too many for the arguments of one call, as `f32` takes them. */
const bytesOf = (values: readonly number[]): Buffer =>
  Buffer.from(Float32Array.from(values).buffer);

function valuesOf({ dims, values }: Tensor, random: () => number): number[] {
  const length = product(dims);
  // Large enough that what a layer adds to the latest token's embedding outweighs it.
  const scale = dims.length === 1 ? 1 : 4 / Math.sqrt(dims[0]!);
  return Array.from({ length }, () => {
    if (values === "ones") return 1;
    if (values === "negative") return -0.01 - Math.abs(random());
    return scale * random();
  });
}

function tokenizerFacts({ tokens, merges, ...ids }: Vocabulary): Buffer[] {
  const strings = (name: string, items: readonly string[]) =>
    fact(
      `tokenizer.ggml.${name}`,
      ggufTypes.list,
      list(ggufTypes.string, items.map(text)),
    );
  return [
    fact("tokenizer.ggml.model", ggufTypes.string, text(ids.model)),
    fact("tokenizer.ggml.pre", ggufTypes.string, text(ids.pre ?? "default")),
    strings("tokens", tokens),
    strings("merges", merges ?? []),
    fact(
      "tokenizer.ggml.token_type",
      ggufTypes.list,
      list(ggufTypes.i32, ids.token_type.map(u32)),
    ),
    ...(["bos_token_id", "eos_token_id", "eot_token_id"] as const).map((name) =>
      fact(`tokenizer.ggml.${name}`, ggufTypes.u32, u32(ids[name] ?? 0)),
    ),
    fact("tokenizer.ggml.add_bos_token", ggufTypes.bool, Buffer.from([1])),
  ];
}
