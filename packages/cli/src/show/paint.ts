/** Colours, where the stream is a terminal that wants them: NO_COLOR and FORCE_COLOR decide as everywhere. */
import { styleText } from "node:util";
import type { Writable } from "node:stream";

export type Style = Exclude<
  Parameters<typeof styleText>[0],
  readonly unknown[]
>;
export type Paint = (style: Style | Style[], text: string) => string;

export const makePaint =
  (stream: Writable): Paint =>
  (style, text) =>
    styleText(style, text, { stream });

/** Text from elsewhere without anything that a terminal would act on, or that would break the line. */
export const plain = (text: string): string =>
  text.replace(
    // Control characters, line separators, what turns the direction of the text.
    /[\p{Cc}\p{Zl}\p{Zp}\u202a-\u202e\u2066-\u2069]/gu,
    (c) =>
      ({ "\n": "\\n", "\t": "\\t" })[c] ??
      `\\u${c.charCodeAt(0).toString(16).padStart(4, "0")}`,
  );
