/** The parts of a GGUF file, version 3, as tests and measurements write one: https://github.com/ggml-org/ggml/blob/master/docs/gguf.md */

/** The types of values that a fact can have, as far as they are written here. */
export const ggufTypes = {
  i32: 5,
  u32: 4,
  f32: 6,
  bool: 7,
  string: 8,
  list: 9,
};

/** What the head tells of a tensor; its values follow the head, padded, in the same order. */
export interface GgufTensor {
  name: string;
  /** Inner dimension first. */
  dims: readonly number[];
  /** ggml's number of the type of its values. */
  type: number;
  /** Bytes of its values. */
  size: number;
}

const align = 32;

/** All that stands before the values. */
export function ggufHead(
  facts: readonly Buffer[],
  tensors: readonly GgufTensor[],
): Buffer {
  let offset = 0;
  const infos = tensors.map(({ name, dims, type, size }) => {
    const shape = [u32(dims.length), ...dims.map(u64)];
    const info = [text(name), ...shape, u32(type), u64(offset)];
    offset += Math.ceil(size / align) * align;
    return Buffer.concat(info);
  });
  const counts = [u32(3), u64(tensors.length), u64(facts.length)];
  return padded(
    Buffer.concat([Buffer.from("GGUF"), ...counts, ...facts, ...infos]),
  );
}

export const padded = (bytes: Buffer): Buffer =>
  Buffer.concat([
    bytes,
    Buffer.alloc((align - (bytes.length % align)) % align),
  ]);

export const fact = (key: string, type: number, value: Buffer): Buffer =>
  Buffer.concat([text(key), u32(type), value]);

export const list = (type: number, items: readonly Buffer[]): Buffer =>
  Buffer.concat([u32(type), u64(items.length), ...items]);

export function text(value: string): Buffer {
  const bytes = Buffer.from(value);
  return Buffer.concat([u64(bytes.length), bytes]);
}

export function u32(value: number): Buffer {
  const bytes = Buffer.alloc(4);
  bytes.writeUInt32LE(value);
  return bytes;
}

function u64(value: number): Buffer {
  const bytes = Buffer.alloc(8);
  bytes.writeBigUInt64LE(BigInt(value));
  return bytes;
}

export const f32 = (...values: readonly number[]): Buffer =>
  Buffer.from(Float32Array.from(values).buffer);
