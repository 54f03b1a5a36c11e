/**
 * Pure: the headers of a call, which anybody may have written, out of their bytes. The client's own reader throws on some
 * of them, and takes a time that grows with the square of their number; this one does neither.
 */

/** Printable names without a colon, as NATS has them (ADR-4); values without a line end. Nothing of it is tried twice. */
const wellFormed = /^NATS\/1\.0[^\r\n\0]*\r\n(?:[!-9;-~]+:[^\r\n\0]*\r\n)*\r\n$/; // prettier-ignore

/**
 * Gives a header by its name, in whatever case, if it is one of the `wanted`: of several the first one, and nothing for an
 * empty one. Undefined: these are no headers. `bytes`: with their first line and the empty one at their end; empty: there
 * are none.
 */
export function readCallHeaders(
  bytes: Buffer,
  wanted: readonly string[],
): ((name: string) => string | undefined) | undefined {
  const text = bytes.toString("latin1");
  if (text !== "" && !wellFormed.test(text)) return undefined;
  // As long as the text: a letter of Latin-1 has its small one there.
  const lower = text.toLowerCase();
  const found = new Map<string, string>();
  for (const name of wanted.map((name) => name.toLowerCase())) {
    const line = `\r\n${name}:`;
    const at = lower.indexOf(line);
    if (at < 0) continue;
    const from = at + line.length;
    // Out of the bytes: a part of the text would keep all of it.
    const value = bytes.toString("latin1", from, text.indexOf("\r\n", from));
    found.set(name, value.trim());
  }
  return (name) => found.get(name.toLowerCase()) || undefined;
}
