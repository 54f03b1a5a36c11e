/** Answers of many rows go as gzip to those who ask for it, so that they fit into one message. */
import { promisify } from "node:util";
import { gunzip, gzip } from "node:zlib";
import * as z from "zod";

const pack = promisify(gzip);
const unpack = promisify(gunzip);

/** A question that says so takes gzip. */
const Packed = z.object({ packed: z.literal(true) });

/** Bytes; a smaller answer is sooner sent than packed. */
const packFrom = 16_384;

/** The answer as it is sent to who asked the question. */
export async function packedFor(
  question: unknown,
  answer: object,
): Promise<Buffer> {
  const bytes = Buffer.from(JSON.stringify(answer));
  if (bytes.length < packFrom || !Packed.safeParse(question).success)
    return bytes;
  return await pack(bytes, { level: 4 });
}

/** An answer is JSON, or gzip by its first byte. Rejects where it is neither. */
export async function unpacked(data: Uint8Array): Promise<unknown> {
  const isPacked = data[0] === 0x1f;
  const bytes = isPacked ? await unpack(data) : Buffer.from(data);
  return JSON.parse(bytes.toString());
}
