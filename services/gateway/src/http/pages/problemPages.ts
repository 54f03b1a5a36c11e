/** A page for each problem: what happened, what to do, and what it looks like. */
import * as z from "zod";
import { ApiError, type ApiErrorCode } from "../../apiError.ts";
import type { App } from "../appDeps.ts";
import {
  exampleOf,
  problemCodes,
  problemKind,
  problemPath,
} from "../../calls/problem.ts";
import { escape, jsonBlock, prose, sendPage } from "./page.ts";

const schema = { hide: true, params: z.object({ code: z.string() }) };

export function problemPages(app: App): void {
  app.get("/docs/problems", { schema: { hide: true } }, (_request, reply) =>
    sendPage(reply, "Jetscribe: problems", all(app.publicPath)),
  );
  app.get("/docs/problems/:code", { schema }, (request, reply) => {
    const code = problemCodes.find((code) => code === request.params.code);
    if (code === undefined)
      throw new ApiError(
        "not_found",
        "there is no such problem; see /docs/problems",
      );
    return sendPage(reply, problemKind(code).title, one(code, app.publicPath));
  });
}

const all = (root: string): string => `<main class="text">
<h1>Problems</h1>
${prose(
  "A refusal is problem details (RFC 9457). Its `type` is `urn:jetscribe:problem:` and one of these words. A refusal by the server itself, as of broken HTTP, has the type `about:blank`.",
)}
<table>
<thead><tr><th>word</th><th>status</th><th>title</th></tr></thead>
<tbody>
${problemCodes
  .map((code) => {
    const { status, title } = problemKind(code);
    return `<tr><td><a href="${root}${problemPath(code)}"><code>${code}</code></a></td><td>${status}</td><td>${escape(title)}</td></tr>`;
  })
  .join("\n")}
</tbody>
</table>
</main>`;

function one(code: ApiErrorCode, root: string): string {
  const { status, title, means, remedy } = problemKind(code);
  return `<main class="text">
<h1>${escape(title)}</h1>
<p><span class="status">${status}</span> <code>${exampleOf(code).type}</code></p>
<h2>What happened</h2>
${prose(means)}
<h2>What to do</h2>
${prose(remedy)}
<h2>An example</h2>
${jsonBlock(exampleOf(code))}
<p><a href="${root}/docs/problems">All problems</a></p>
</main>`;
}
