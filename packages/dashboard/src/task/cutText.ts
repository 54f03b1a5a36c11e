/** A piece has so many characters, or a few more up to the end of its line. */
const pieceChars = 8_192;
/** A line that is longer is broken off. */
const longestLine = 65_536;

/**
 * Cuts a text at ends of lines. Each piece is shown as a block, so the end of line between two pieces is in none. A line
 * that is longer than a piece may be is cut anywhere, but never within a character.
 */
export function cutText(text: string): string[] {
  const pieces: string[] = [];
  for (let at = 0; at < text.length;) {
    const least = at + pieceChars;
    const line = least >= text.length ? -1 : text.indexOf("\n", least);
    if (line >= 0 && line - at <= longestLine) {
      pieces.push(text.slice(at, line));
      at = line + 1;
      continue;
    }
    const rest = text.length - at;
    const end = at + (rest <= longestLine ? rest : longestLine);
    const isHalf = end < text.length && /[\uDC00-\uDFFF]/.test(text[end] ?? "");
    pieces.push(text.slice(at, isHalf ? end - 1 : end));
    at = isHalf ? end - 1 : end;
  }
  return pieces;
}
