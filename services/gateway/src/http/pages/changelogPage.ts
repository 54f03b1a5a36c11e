/** `/docs/changelog`: docs/api-changelog.md as a page. */
import { readFileSync } from "node:fs";
import type { App } from "../appDeps.ts";
import { inline, prose, sendPage } from "./page.ts";

const file = new URL("../../../../../docs/api-changelog.md", import.meta.url);

export function changelogPage(app: App): void {
  const page = `<main class="text">${htmlOf(readFileSync(file, "utf8"))}</main>`;
  app.get("/docs/changelog", { schema: { hide: true } }, (_request, reply) =>
    sendPage(reply, "Jetscribe API: changes", page),
  );
}

/** Of headings, lists and paragraphs: that file has nothing else. */
const htmlOf = (markdown: string): string =>
  markdown
    .trim()
    .split(/\n{2,}/)
    .map((part) => {
      const [, signs = "", heading = ""] = /^(#{1,3}) (.*)$/.exec(part) ?? [];
      if (heading !== "")
        return `<h${signs.length}>${inline(heading)}</h${signs.length}>`;
      if (!part.startsWith("- ")) return prose(part);
      const items = part.split(/^- /m).slice(1);
      return `<ul>${items.map((item) => `<li>${inline(item.trim())}</li>`).join("\n")}</ul>`;
    })
    .join("\n");
