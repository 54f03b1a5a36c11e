/** LoRA adapters for the demo model's first query matrix, large enough to change what it says, and for other matrices. */
import { gguf } from "@jetscribe/testing";
import { writeFileSync } from "node:fs";

const { f32, fact, ggufHead, ggufTypes, padded, text } = gguf;
const rank = 4;
const f32Tensor = 0;

export interface AdapterShape {
  architecture?: string;
  tensor?: string;
  /** Rows and columns of the matrix that it changes. */
  rows?: number;
  columns?: number;
  /** As it changes the token embedding: both halves the other way round. */
  turned?: boolean;
  /** Of one more tensor, which has a value for each column. */
  other?: string;
}

export function writeAdapter(
  file: string,
  {
    architecture = "llama",
    tensor = "blk.0.attn_q.weight",
    rows = 256,
    columns = 256,
    turned = false,
    other,
  }: AdapterShape = {},
): string {
  const tensors = [
    { name: `${tensor}.lora_a`, dims: turned ? [rank, rows] : [columns, rank] },
    { name: `${tensor}.lora_b`, dims: [rank, turned ? columns : rows] },
    ...(other === undefined ? [] : [{ name: other, dims: [columns] }]),
  ].map(({ name, dims }) => ({ name, dims, values: valuesFor(dims) }));
  const facts = [
    fact("general.architecture", ggufTypes.string, text(architecture)),
    fact("general.type", ggufTypes.string, text("adapter")),
    fact("adapter.type", ggufTypes.string, text("lora")),
    fact("adapter.lora.alpha", ggufTypes.f32, f32(rank)),
  ];
  const head = ggufHead(
    facts,
    tensors.map(({ name, dims, values }) => {
      return { name, dims, type: f32Tensor, size: values.length };
    }),
  );
  const values = tensors.map(({ values }) => padded(values));
  writeFileSync(file, Buffer.concat([head, ...values]));
  return file;
}

/** A file that says that it is a model whose output has values of its own, and has nothing else of one. */
export function writeUntiedModel(
  file: string,
  { rows, columns }: { rows: number; columns: number },
): string {
  const facts = [fact("general.architecture", ggufTypes.string, text("llama"))];
  const dims = [columns, rows];
  const values = valuesFor(dims);
  const tensors = ["token_embd.weight", "output.weight"].map((name) => {
    return { name, dims, type: f32Tensor, size: values.length };
  });
  const data = tensors.map(() => padded(values));
  writeFileSync(file, Buffer.concat([ggufHead(facts, tensors), ...data]));
  return file;
}

/** The same each time. */
const valuesFor = ([columns = 0, rows = 1]: number[]): Buffer =>
  f32(...Array.from({ length: columns * rows }, (_, i) => Math.sin(7 * i)));
