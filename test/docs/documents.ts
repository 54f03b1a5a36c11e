/** The documents of the project, read for what can be checked: links, headings, code spans and sessions. */
import { execFileSync } from "node:child_process";
import { existsSync, readFileSync } from "node:fs";
import { fileURLToPath } from "node:url";

export const root = fileURLToPath(new URL("../../", import.meta.url));

export const readText = (path: string): string =>
  readFileSync(`${root}${path}`, "utf8");

/** Everything that git has, and the files that are new; paths from the project's folder. */
export const files: ReadonlySet<string> = new Set(
  execFileSync("git", ["ls-files", "-co", "--exclude-standard"], {
    cwd: root,
    encoding: "utf8",
  })
    .split("\n")
    .filter((path) => path !== "" && existsSync(`${root}${path}`)),
);

/** The folders that these files are in. */
export const folders: ReadonlySet<string> = new Set(
  [...files].flatMap((path) => {
    const parts = path.split("/").slice(0, -1);
    return parts.map((_, i) => parts.slice(0, i + 1).join("/"));
  }),
);

export interface CodeBlock {
  /** `sh`, `console`, `js` …; "" without one. */
  language: string;
  text: string;
}

export interface Document {
  path: string;
  /** The whole text. */
  text: string;
  /** The text without its code blocks. */
  prose: string;
  blocks: CodeBlock[];
}

const fence = /^```(\w*)\n(.*?)^```$/gms;

export function readDocument(path: string): Document {
  const text = readText(path);
  const blocks = [...text.matchAll(fence)].map(
    ([, language = "", block = ""]) => ({ language, text: block }),
  );
  return { path, text, prose: text.replace(fence, ""), blocks };
}

export const documents: readonly Document[] = [...files]
  .filter((path) => path.endsWith(".md"))
  .map(readDocument);

/** What stands between single backticks. */
export const codeSpans = ({ prose }: Document): string[] =>
  [...prose.matchAll(/`([^`\n]+)`/g)].map(([, span = ""]) => span);

/** The targets of all links, those of reference definitions too. */
export function linkTargets({ prose }: Document): string[] {
  const inline = [...prose.matchAll(/\]\(<?([^)\s>]+)>?\)/g)];
  const defined = [...prose.matchAll(/^\[[^\]]+\]: (\S+)$/gm)];
  return [...inline, ...defined].map(([, target = ""]) => target);
}

/** The links whose text is code: that text, and the target. */
export const codeLinks = ({
  prose,
}: Document): { label: string; target: string }[] =>
  [...prose.matchAll(/\[`([^`\]]+)`\]\(<?([^)\s>]+)>?\)/g)].map(
    ([, label = "", target = ""]) => ({ label, target }),
  );

/** The anchors that GitHub gives a document's headings; a repeated one gets a number. */
export function anchorsOf({ prose }: Document): Set<string> {
  const seen = new Map<string, number>();
  const anchors = [...prose.matchAll(/^#{1,6} (.+)$/gm)].map(
    ([, heading = ""]) => {
      const anchor = heading
        .toLowerCase()
        .replace(/\[([^\]]*)\]\([^)]*\)/g, "$1")
        .replace(/[^\p{L}\p{N}\p{M}\p{Pc} -]/gu, "")
        .replaceAll(" ", "-");
      const count = seen.get(anchor) ?? 0;
      seen.set(anchor, count + 1);
      return count === 0 ? anchor : `${anchor}-${count}`;
    },
  );
  return new Set(anchors);
}
