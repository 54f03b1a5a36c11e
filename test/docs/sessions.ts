/** The sessions in the documents: commands after `$ `, and below each what it prints. */
import type { CodeBlock } from "./documents.ts";

export interface Step {
  command: string;
  /** What the document shows; `…` stands for anything. */
  output: string;
}

/** Every command of the `console` blocks; a line that ends in a backslash goes on in the next one. */
export function stepsOf(blocks: readonly CodeBlock[]): Step[] {
  const text = blocks
    .filter(({ language }) => language === "console")
    .map(({ text }) => text)
    .join("");
  return text
    .split(/^\$ /m)
    .slice(1)
    .map((step) => {
      const [, command = "", output = ""] =
        /^((?:.*\\\n)*.*\n)([^]*)$/.exec(step) ?? [];
      return { command: command.trim(), output: output.trim() };
    });
}

const uuid = /[0-9a-f]{8}(?:-[0-9a-f]{4}){3}-[0-9a-f]{12}/;

/** What differs from run to run: ids, times, measured numbers, places in the log. */
const varying = new RegExp(
  [
    uuid.source,
    String.raw`\d{4}-\d\d-\d\d \d\d:\d\d:\d\d`,
    String.raw`(?<="seed":)\d+`,
    // Which prompt a slot has from before differs by the machine.
    String.raw`(?<="cached_tokens":)\d+`,
    String.raw`^\d+(?= llm\.)`,
    String.raw`\d+\.\d+`,
    String.raw`^…\n`,
    "…",
  ].join("|"),
  "gm",
);

/** Ids by what the document calls them. */
export type Ids = Map<string, string>;

/**
 * What was printed against what the document shows. An id that the document shows for the first time becomes the one
 * that was printed, and has to be the same from then on. False where the two differ.
 */
export function matches({ output }: Step, printed: string, ids: Ids): boolean {
  const names: string[] = [];
  let pattern = "";
  let at = 0;
  for (const { 0: part, index } of output.matchAll(varying)) {
    pattern += RegExp.escape(output.slice(at, index));
    pattern += patternOf(part, ids, names);
    at = index + part.length;
  }
  pattern += RegExp.escape(output.slice(at));
  const found = new RegExp(`^${pattern}$`, "m").exec(printed);
  if (!found) return false;
  names.forEach((name, i) => ids.set(name, found[i + 1] ?? ""));
  return true;
}

function patternOf(part: string, ids: Ids, names: string[]): string {
  if (part === "…") return "[^]*?";
  if (part === "…\n") return "(?:[^]*?\\n)?";
  if (part.includes(":")) return String.raw`\d{4}-\d\d-\d\d \d\d:\d\d:\d\d`;
  if (!uuid.test(part)) return String.raw`\d+(?:\.\d+)?(?:e-\d+)?`;
  const known = ids.get(part);
  if (known !== undefined) return known;
  const earlier = names.indexOf(part);
  if (earlier >= 0) return `\\${earlier + 1}`;
  names.push(part);
  return `(${uuid.source})`;
}

/** The text with each id that the document shows as the one that was printed. */
export const withIds = (text: string, ids: Ids): string =>
  text.replace(new RegExp(uuid, "g"), (id) => ids.get(id) ?? id);
