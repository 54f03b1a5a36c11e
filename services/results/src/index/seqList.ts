/**
 * Sequences of the log in few bytes. A chunk has them in order, each as a varint of its distance to the one before, the
 * first one's to 0. No distance is 0, so a zero byte says that another chunk begins: chunks can be joined unread.
 */

/** One chunk. */
export function encodeSeqs(seqs: readonly number[]): Uint8Array {
  const bytes: number[] = [];
  let before = 0;
  for (const seq of seqs) {
    let distance = seq - before;
    before = seq;
    // Sequences may have more than the 32 bits of `>>>`.
    for (; distance >= 0x80; distance = Math.floor(distance / 0x80))
      bytes.push((distance % 0x80) | 0x80);
    bytes.push(distance);
  }
  return Uint8Array.from(bytes);
}

/** What is in all chunks. */
export function decodeSeqs(bytes: Uint8Array): number[] {
  const seqs: number[] = [];
  let [seq, factor] = [0, 1];
  for (const byte of bytes) {
    if (byte === 0) {
      seq = 0;
      continue;
    }
    seq += (byte & 0x7f) * factor;
    factor *= 0x80;
    if (byte & 0x80) continue;
    seqs.push(seq);
    factor = 1;
  }
  return seqs;
}
