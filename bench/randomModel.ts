/**
 * A GGUF model of Llama's shape with random weights: what a token costs is right, what it says has no meaning. With the
 * default shape it has 135 million parameters. All are in Q8_0.
 */
import { gguf } from "@jetscribe/testing";
import { randomFillSync } from "node:crypto";
import {
  closeSync,
  existsSync,
  mkdirSync,
  openSync,
  renameSync,
  writeSync,
} from "node:fs";
import { dirname } from "node:path";

const { fact, ggufHead, ggufTypes, list, padded, text, u32 } = gguf;

export interface Shape {
  layers: number;
  /** A multiple of 32 and of `heads`. */
  dim: number;
  /** Width of the feed-forward layers, a multiple of 32. */
  ffn: number;
  heads: number;
  kvHeads: number;
  /** 961 tokens at least, the rest is unused. */
  vocab: number;
  context: number;
}

const shapes = {
  "135M": {
    ...{ layers: 30, dim: 576, ffn: 1_536, heads: 9, kvHeads: 3 },
    ...{ vocab: 49_152, context: 8_192 },
  },
  /** 1.5 billion parameters, and the vocabulary of a model of many languages: 1.6 GB. */
  "1.5B": {
    ...{ layers: 28, dim: 1_536, ffn: 8_960, heads: 12, kvHeads: 2 },
    ...{ vocab: 151_936, context: 8_192 },
  },
} satisfies Record<string, Shape>;
const f32 = 0;
const q8_0 = 8;

interface Tensor {
  name: string;
  /** Outer dimension first. */
  dims: number[];
  type: number;
}

/** Writes it, if it is not there yet; returns `file`. */
export function ensureRandomModel(
  file: string,
  asked: keyof typeof shapes | Shape = "135M",
): string {
  const shape = typeof asked === "string" ? shapes[asked] : asked;
  if (existsSync(file)) return file;
  mkdirSync(dirname(file), { recursive: true });
  const fresh = `${file}.${process.pid}`;
  const out = openSync(fresh, "w");
  const tensors = tensorsOf(shape);
  const head = ggufHead(
    metadata(shape),
    tensors.map((tensor) => {
      const { name, dims, type } = tensor;
      return { name, dims: dims.toReversed(), type, size: bytesOf(tensor) };
    }),
  );
  writeSync(out, head);
  for (const tensor of tensors) writeSync(out, padded(dataOf(tensor)));
  closeSync(out);
  renameSync(fresh, file);
  return file;
}

function tensorsOf(shape: Shape): Tensor[] {
  const { layers, dim, ffn, heads, kvHeads, vocab } = shape;
  const kv = (dim / heads) * kvHeads;
  const norm = (name: string) => ({ name, dims: [dim], type: f32 });
  const matrix = (name: string, rows: number, columns: number) => ({
    ...{ name, dims: [rows, columns], type: q8_0 },
  });
  const layer = (i: number) => [
    norm(`blk.${i}.attn_norm.weight`),
    norm(`blk.${i}.ffn_norm.weight`),
    matrix(`blk.${i}.attn_q.weight`, dim, dim),
    matrix(`blk.${i}.attn_k.weight`, kv, dim),
    matrix(`blk.${i}.attn_v.weight`, kv, dim),
    matrix(`blk.${i}.attn_output.weight`, dim, dim),
    matrix(`blk.${i}.ffn_gate.weight`, ffn, dim),
    matrix(`blk.${i}.ffn_up.weight`, ffn, dim),
    matrix(`blk.${i}.ffn_down.weight`, dim, ffn),
  ];
  return [
    matrix("token_embd.weight", vocab, dim),
    norm("output_norm.weight"),
    ...Array.from({ length: layers }, (_, i) => layer(i)).flat(),
  ];
}

const countOf = ({ dims }: Tensor) => dims.reduce((a, b) => a * b, 1);

/** Blocks of 32 weights: a half-precision scale, and a byte for each. */
const bytesOf = (tensor: Tensor) =>
  tensor.type === f32 ? countOf(tensor) * 4 : (countOf(tensor) / 32) * 34;

/** 2.7e-4: weights with a standard deviation of about 0.02. */
const scale = 0x0c6c;

function dataOf(tensor: Tensor): Buffer {
  const data = Buffer.alloc(bytesOf(tensor));
  if (tensor.type === f32) {
    for (let i = 0; i < data.length; i += 4) data.writeFloatLE(1, i);
    return data;
  }
  randomFillSync(data);
  for (let i = 0; i < data.length; i += 34) data.writeUInt16LE(scale, i);
  return data;
}

function metadata(shape: Shape): Buffer[] {
  const { layers, dim, ffn, heads, kvHeads, vocab, context } = shape;
  const { tokens, types, merges } = tokenizer(vocab);
  return [
    fact("general.architecture", ggufTypes.string, text("llama")),
    fact("general.name", ggufTypes.string, text("random")),
    ...Object.entries({
      "llama.context_length": context,
      "llama.embedding_length": dim,
      "llama.block_count": layers,
      "llama.feed_forward_length": ffn,
      "llama.attention.head_count": heads,
      "llama.attention.head_count_kv": kvHeads,
      "llama.rope.dimension_count": dim / heads,
      "llama.vocab_size": vocab,
      "tokenizer.ggml.bos_token_id": 256,
      "tokenizer.ggml.eos_token_id": 258,
    }).map(([key, value]) => fact(key, ggufTypes.u32, u32(value))),
    fact(
      "llama.attention.layer_norm_rms_epsilon",
      ggufTypes.f32,
      gguf.f32(1e-5),
    ),
    fact("tokenizer.ggml.model", ggufTypes.string, text("gpt2")),
    fact("tokenizer.ggml.pre", ggufTypes.string, text("gpt-2")),
    fact(
      "tokenizer.ggml.tokens",
      ggufTypes.list,
      list(ggufTypes.string, tokens.map(text)),
    ),
    fact(
      "tokenizer.ggml.token_type",
      ggufTypes.list,
      list(ggufTypes.i32, types.map(u32)),
    ),
    fact(
      "tokenizer.ggml.merges",
      ggufTypes.list,
      list(ggufTypes.string, merges.map(text)),
    ),
    fact("tokenizer.ggml.add_bos_token", ggufTypes.bool, Buffer.from([0])),
    fact(
      "tokenizer.chat_template",
      ggufTypes.string,
      text(
        "{% for m in messages %}<|im_start|>{{ m.role }}\n{{ m.content }}<|im_end|>\n{% endfor %}{% if add_generation_prompt %}<|im_start|>assistant\n{% endif %}",
      ),
    ),
  ];
}

/** GPT-2's byte alphabet, three special tokens, pairs of letters, and names for the rest. */
function tokenizer(vocab: number) {
  const tokens = [
    ...byteAlphabet(),
    ...["<|endoftext|>", "<|im_start|>", "<|im_end|>"],
  ];
  const types = tokens.map((_, i): number => (i < 256 ? 1 : 3));
  const merges: string[] = [];
  const letters = [..."abcdefghijklmnopqrstuvwxyz"];
  for (const first of ["Ġ", ...letters])
    for (const second of letters) {
      merges.push(`${first} ${second}`);
      tokens.push(first + second);
      types.push(1);
    }
  while (tokens.length < vocab) {
    tokens.push(`[unused${tokens.length}]`);
    types.push(5);
  }
  return { tokens, types, merges };
}

function byteAlphabet(): string[] {
  let extra = 256;
  return Array.from({ length: 256 }, (_, byte) => {
    const printable = (byte > 32 && byte < 127) || (byte > 160 && byte !== 173);
    return String.fromCharCode(printable ? byte : extra++);
  });
}
