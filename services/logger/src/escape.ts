/** Text from outside, made harmless: nothing of it can end a line, hide a part of it or pass for another field. */

/** Control, format and unassigned characters, lone surrogates, and all that any reader takes for the end of a line. */
const unsafe = /[\p{C}\p{Zl}\p{Zp}]/gu;
const lineEnd = /\r\n|[\n\v\f\r\u0085\u2028\u2029]/;

/** Writes unsafe characters as `\n`, `\u202e`. */
export const escape = (text: string): string =>
  text.replace(unsafe, (found) =>
    found === "\n" ? "\\n" : found === "\t" ? "\\t" : inUnits(found),
  );

/** In UTF-16 code units, as JSON has it. */
const inUnits = (character: string): string =>
  character
    .split("")
    .map((unit) => `\\u${unit.charCodeAt(0).toString(16).padStart(4, "0")}`)
    .join("");

/** A JSON string of safe characters. */
export const quote = (text: string): string =>
  `"${escape(text.replace(/["\\]/g, "\\$&"))}"`;

/** The lines of a text, each escaped and indented, so that none passes for the head of an entry. */
export const indent = (text: string): string[] =>
  text === ""
    ? []
    : text
        .trimEnd()
        .split(lineEnd)
        .map((line) => `    ${escape(line)}`);
