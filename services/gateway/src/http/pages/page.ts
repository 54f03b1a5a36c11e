/** The HTML pages of the gateway: small, of files of its own, and held to that by a Content-Security-Policy. */
import { readFileSync } from "node:fs";
import type { FastifyReply } from "fastify";
import type { App } from "../appDeps.ts";

/** Nothing from elsewhere, nothing inline; calls go to the gateway alone. */
const policy = [
  "default-src 'none'",
  ...["script-src", "style-src", "connect-src", "img-src"].map(
    (kind) => `${kind} 'self'`,
  ),
  ...["base-uri", "form-action", "frame-ancestors"].map(
    (kind) => `${kind} 'none'`,
  ),
].join("; ");

/** Of every page, and of what pages are made of. */
export const pageHeaders = {
  "content-security-policy": policy,
  "referrer-policy": "no-referrer",
  "x-content-type-options": "nosniff",
};

/** Of a text that is to stand in HTML, in an attribute too. */
export const escape = (text: string): string =>
  text.replace(/[&<>"']/g, (sign) => `&#${sign.charCodeAt(0)};`);

/** A text of the document as HTML: what stands in backticks is code, and an empty line begins a paragraph. */
export const prose = (text: string): string =>
  text
    .split(/\n{2,}/)
    .map((part) => `<p>${inline(part)}</p>`)
    .join("\n");

export const inline = (text: string): string =>
  escape(text).replace(/&#96;|`([^`]+)`/g, "<code>$1</code>");

export const jsonBlock = (value: unknown): string =>
  `<pre><code>${escape(typeof value === "string" ? value : JSON.stringify(value, null, 2))}</code></pre>`;

/** Answers with a page. `main` is HTML. */
export function sendPage(
  reply: FastifyReply,
  title: string,
  main: string,
): string {
  const root = `${reply.server.publicPath}/docs`;
  void reply.type("text/html; charset=utf-8").headers(pageHeaders);
  return `<!doctype html>
<html lang="en">
<head>
<meta charset="utf-8">
<meta name="viewport" content="width=device-width, initial-scale=1">
<title>${escape(title)}</title>
<link rel="icon" href="${root}/icon.svg">
<link rel="stylesheet" href="${root}/style.css">
<script src="${root}/tryIt.js" defer></script>
</head>
<body>
<header><a href="${root}">Jetscribe</a></header>
${main}
</body>
</html>
`;
}

const files = {
  "style.css": "text/css; charset=utf-8",
  "tryIt.js": "text/javascript; charset=utf-8",
  "icon.svg": "image/svg+xml",
};

/** The files that the pages are made of. */
export function pageFiles(app: App): void {
  for (const [name, type] of Object.entries(files)) {
    const text = readFileSync(new URL(name, import.meta.url), "utf8");
    app.get(`/docs/${name}`, { schema: { hide: true } }, (_request, reply) =>
      reply
        .type(type)
        .header("cache-control", "no-cache")
        .header("x-content-type-options", "nosniff")
        .send(text),
    );
  }
}
