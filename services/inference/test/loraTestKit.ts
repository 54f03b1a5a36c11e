/** A LoRA adapter for the demo model's first query matrix: large enough to change what it says. */
import { writeFileSync } from "node:fs";

const rank = 4;
const align = 32;
const [stringType, floatType] = [8, 6];

export interface AdapterShape {
  architecture?: string;
  tensor?: string;
  /** Rows and columns of the matrix that it changes. */
  rows?: number;
  columns?: number;
}

export function writeAdapter(
  file: string,
  {
    architecture = "llama",
    tensor = "blk.0.attn_q.weight",
    rows = 256,
    columns = 256,
  }: AdapterShape = {},
): string {
  const tensors = [
    { name: `${tensor}.lora_a`, dims: [columns, rank] },
    { name: `${tensor}.lora_b`, dims: [rank, rows] },
  ].map(({ name, dims }) => ({ name, dims, values: valuesFor(dims) }));
  const facts = [
    ...[text("general.architecture"), u32(stringType), text(architecture)],
    ...[text("general.type"), u32(stringType), text("adapter")],
    ...[text("adapter.type"), u32(stringType), text("lora")],
    ...[text("adapter.lora.alpha"), u32(floatType), f32([rank])],
  ];
  let offset = 0;
  const infos = tensors.flatMap(({ name, dims, values }) => {
    const info = [text(name), u32(2), ...dims.map(u64), u32(0), u64(offset)];
    offset += padded(values).length;
    return info;
  });
  const head = Buffer.concat([
    ...[Buffer.from("GGUF"), u32(3), u64(tensors.length), u64(4)],
    ...[...facts, ...infos],
  ]);
  writeFileSync(
    file,
    Buffer.concat([padded(head), ...tensors.map((t) => padded(t.values))]),
  );
  return file;
}

/** The same each time. */
const valuesFor = ([columns = 0, rows = 0]: number[]): Buffer =>
  f32(Array.from({ length: columns * rows }, (_, i) => Math.sin(7 * i)));

function text(value: string): Buffer {
  return Buffer.concat([u64(value.length), Buffer.from(value)]);
}

function u32(value: number): Buffer {
  const buffer = Buffer.alloc(4);
  buffer.writeUInt32LE(value);
  return buffer;
}

function u64(value: number): Buffer {
  const buffer = Buffer.alloc(8);
  buffer.writeBigUInt64LE(BigInt(value));
  return buffer;
}

function f32(values: number[]): Buffer {
  return Buffer.from(Float32Array.from(values).buffer);
}

const padded = (data: Buffer): Buffer =>
  Buffer.concat([data, Buffer.alloc((align - (data.length % align)) % align)]);
