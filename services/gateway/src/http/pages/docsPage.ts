/** `/docs`: the OpenAPI document as a page, by what a person wants to do, where every call can be tried. */
import type { App } from "../appDeps.ts";
import { tags } from "../openapi.ts";
import { escape, inline, jsonBlock, prose, sendPage } from "./page.ts";
import { schemaHtml, typeOf, type Schema } from "./schemaHtml.ts";

interface Document {
  info: { title: string; description: string };
  components: { schemas: Record<string, Schema> };
  paths: Record<string, Record<string, Operation>>;
}
interface Operation {
  operationId: string;
  tags: string[];
  summary: string;
  description: string;
  security?: object[];
  parameters?: Parameter[];
  requestBody?: { content: Record<string, Media> };
  responses: Record<string, Answer>;
}
interface Parameter {
  name: string;
  in: "path" | "query" | "header";
  required?: boolean;
  description?: string;
  schema: Schema;
}
interface Media {
  schema: Schema;
  example?: unknown;
  examples?: Record<string, { summary?: string; value: unknown }>;
}
interface Answer {
  description: string;
  headers?: Record<string, { description?: string }>;
  content?: Record<string, Media>;
}
/** A route with its place. */
interface Call extends Operation {
  method: string;
  path: string;
}

export function docsPage(app: App): void {
  let page: string | undefined;
  app.get("/docs", { schema: { hide: true } }, (_request, reply) => {
    page ??= render(app.swagger() as unknown as Document, app.publicPath);
    return sendPage(reply, "Jetscribe API", page);
  });
}

function render(document: Document, root: string): string {
  // By their paths: `/generate` comes before `/generate/batch` and `/tasks/retry`.
  const paths = Object.entries(document.paths).toSorted(([a], [b]) =>
    a < b ? -1 : 1,
  );
  const calls = paths.flatMap(([path, methods]) =>
    Object.entries(methods).map(([method, operation]): Call => {
      return { ...operation, path, method: method.toUpperCase() };
    }),
  );
  const groups = tags
    .map((tag) => ({
      ...tag,
      calls: calls.filter((call) => call.tags.includes(tag.name)),
    }))
    .filter((group) => group.calls.length > 0);
  const view = makeCallView(document, root);
  return `<div class="columns">
<nav aria-label="Calls">
${groups
  .map(
    ({ name, calls }) => `<h2><a href="#${anchorOf(name)}">${name}</a></h2>
<ul>${calls.map((call) => `<li><a href="#${call.operationId}">${badge(call)} ${inline(call.summary)}</a></li>`).join("\n")}</ul>`,
  )
  .join("\n")}
</nav>
<main>
<h1>${escape(document.info.title)}</h1>
${prose(document.info.description)}
<p class="links"><a href="${root}/openapi.json">openapi.json</a> <a href="${root}/docs/events">Events</a> <a href="${root}/docs/problems">Problems</a> <a href="${root}/docs/changelog">Changelog</a></p>
<form class="key" id="key-form">
<label>API key for the calls on this page <input id="key" type="password" autocomplete="off" spellcheck="false"></label>
<small>It stays in this page, and is sent to this gateway alone.</small>
</form>
${groups
  .map(
    ({ name, description, calls }) => `<section id="${anchorOf(name)}">
<h2>${name}</h2>
${prose(description)}
${calls.map(view).join("\n")}
</section>`,
  )
  .join("\n")}
</main>
</div>`;
}

const anchorOf = (tag: string): string => tag.toLowerCase().replace(/\W/g, "-");

const badge = ({ method }: Call): string =>
  `<b class="method ${method.toLowerCase()}">${method}</b>`;

/** The function gives the HTML of a call. */
function makeCallView({ components }: Document, root: string) {
  const schemaOf = (schema: Schema) => schemaHtml(schema, components.schemas);

  const parameterRow = ({
    name,
    in: where,
    required,
    description = "",
    schema,
  }: Parameter) =>
    // prettier-ignore
    `<tr><td><code>${escape(name)}</code></td><td>${where}${required ? ", required" : ""}</td><td>${escape(typeOf(schema))}</td><td>${inline(description)}</td></tr>`;

  function answerView([status, answer]: [string, Answer]): string {
    const { description, headers = {}, content = {} } = answer;
    const said = Object.entries(headers).map(
      ([name, { description = "" }]) =>
        `<li><code>${escape(name)}</code>: ${inline(description)}</li>`,
    );
    const bodies = Object.entries(content).map(
      ([type, media]) => `<p><code>${escape(type)}</code></p>
${examplesOf(media)}
${/problem/.test(type) ? "" : `<details><summary>Fields</summary>${schemaOf(media.schema)}</details>`}`,
    );
    return `<details class="answer"><summary><span class="status">${status}</span> ${inline(description)}</summary>
${said.length > 0 ? `<ul>${said.join("")}</ul>` : ""}
${bodies.join("\n")}
</details>`;
  }

  return (call: Call): string => {
    const { operationId, method, path, parameters = [], requestBody } = call;
    const [media] = Object.values(requestBody?.content ?? {});
    const answers = Object.entries(call.responses);
    const [first] = answers;
    return `<article id="${operationId}">
<h3><a href="#${operationId}">${inline(call.summary)}</a></h3>
<p class="path">${badge(call)} ${escape(path)}</p>
${prose(call.description)}
${call.security?.length === 0 ? "<p><small>Needs no key.</small></p>" : ""}
${
  parameters.length > 0
    ? `<div class="scrolls"><table><thead><tr><th>parameter</th><th>in</th><th>type</th><th></th></tr></thead><tbody>${parameters.map(parameterRow).join("\n")}</tbody></table></div>`
    : ""
}
<h4>Request</h4>
${jsonBlock(curlOf(call, root))}
${media ? `<details><summary>Fields of the body</summary>${schemaOf(media.schema)}</details>` : ""}
<h4>Answers</h4>
${answers
  .map(answerView)
  .map((html, i) =>
    answers[i] === first ? html.replace("<details", "<details open") : html,
  )
  .join("\n")}
<details class="try"><summary>Try it</summary>
<form data-method="${method}" data-path="${escape(root + path)}">
${parameters
  .map(
    ({ name, in: where, required }) =>
      `<label>${escape(name)} <input name="${escape(name)}" data-in="${where}"${required ? " required" : ""} autocomplete="off" spellcheck="false"></label>`,
  )
  .join("\n")}
${media ? `<label>body <textarea name="body" rows="6" spellcheck="false">${escape(JSON.stringify(exampleOf(media), null, 2))}</textarea></label>` : ""}
<button>Send</button> <button type="button" class="stop" hidden>Stop</button>
<output></output>
</form>
</details>
</article>`;
  };
}

function examplesOf(media: Media): string {
  if (!media.examples) return jsonBlock(media.example ?? "");
  const all = Object.values(media.examples);
  return all
    .map(({ summary, value }) =>
      all.length > 1 && summary !== undefined
        ? `<p><small>${escape(summary)}</small></p>${jsonBlock(value)}`
        : jsonBlock(value),
    )
    .join("\n");
}

const exampleOf = ({ example, examples = {} }: Media): unknown =>
  example ?? Object.values(examples)[0]?.value;

/** What a person types; `$URL` and `$KEY` are theirs. */
function curlOf(
  { method, path, security, requestBody }: Call,
  root: string,
): string {
  // prettier-ignore
  const [media] = Object.values(requestBody?.content ?? {});
  const parts = [
    `curl -s${method === "GET" ? "" : ` -X ${method}`} "$URL${root}${path.replace(/\{(\w+)\}/g, "$$$1")}"`,
    ...(security?.length === 0 ? [] : [`-H "X-API-Key: $KEY"`]),
    ...(media
      ? [
          `-H 'Content-Type: application/json'`,
          `-d '${JSON.stringify(exampleOf(media)).replaceAll("'", "'\\''")}'`,
        ]
      : []),
  ];
  return parts.join(" \\\n  ");
}
