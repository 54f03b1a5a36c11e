/** A random key: a UUID, version 4. `crypto.randomUUID` is there in secure contexts only, and pages of plain HTTP call too. */
export function newKey(): string {
  const bytes = crypto.getRandomValues(new Uint8Array(16));
  bytes[6] = (bytes[6]! & 0x0f) | 0x40;
  bytes[8] = (bytes[8]! & 0x3f) | 0x80;
  const hex = Array.from(bytes, (byte) => byte.toString(16).padStart(2, "0"));
  return [4, 6, 8, 10, 16]
    .map((end, i, ends) => hex.slice(ends[i - 1] ?? 0, end).join(""))
    .join("-");
}
