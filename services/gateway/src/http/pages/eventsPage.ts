/** `/docs/events`: the AsyncAPI document as a page. */
import type { App } from "../appDeps.ts";
import type { AsyncApi, Message } from "../asyncapi.ts";
import { escape, inline, jsonBlock, prose, sendPage } from "./page.ts";
import { schemaHtml } from "./schemaHtml.ts";

export function eventsPage(app: App, document: AsyncApi): void {
  const page = render(document, app.publicPath);
  app.get("/docs/events", { schema: { hide: true } }, (_request, reply) =>
    sendPage(reply, document.info.title, page),
  );
}

/** A message, and the subjects that it comes on. */
interface Told extends Message {
  id: string;
  subjects: string[];
}

function render({ info, channels, components }: AsyncApi, root: string) {
  const told = Object.entries(components.messages).map(
    ([id, message]): Told => ({
      ...message,
      id,
      subjects: Object.values(channels)
        .filter(({ messages }) => id in messages)
        .flatMap(({ address }) => address ?? []),
    }),
  );
  const [events = [], calls = []] = [false, true].map((isCall) =>
    told.filter((one) => isOfCall(one) === isCall && one.payload !== undefined),
  );
  const notes = told.filter(({ payload }) => payload === undefined);
  return `<div class="columns">
<nav aria-label="Events">
${list("In the stream", events)}
${list("Told by the broker", notes)}
${list("Calls", calls)}
</nav>
<main>
<h1>${escape(info.title)}</h1>
${prose(info.description)}
<p class="links"><a href="${root}/asyncapi.json">asyncapi.json</a> <a href="${root}/docs">REST interface</a></p>
<section>
<h2>In the stream</h2>
${events.map(view).join("\n")}
</section>
<section>
<h2>Told by the broker</h2>
${notes.map(view).join("\n")}
</section>
<section>
<h2>Calls</h2>
${calls.map(view).join("\n")}
</section>
</main>
</div>`;
}

/** Or of an answer to one. */
const isOfCall = ({ name }: Message): boolean =>
  name.startsWith("jetscribe.api.");

const list = (title: string, messages: readonly Told[]): string =>
  `<h2>${title}</h2>
<ul>${messages.map(({ id, title }) => `<li><a href="#${id}">${escape(title)}</a></li>`).join("\n")}</ul>`;

function view(message: Told): string {
  const { id, title, summary, subjects, payload, headers } = message;
  const [example] = message.examples;
  return `<article id="${id}">
<h3><a href="#${id}">${escape(title)}</a></h3>
${subjects.map((subject) => `<p class="path">${escape(subject)}</p>`).join("\n")}
<p>${inline(summary)}${isOfCall(message) ? "" : ` <code>ce-type</code>: <code>${escape(message.name)}</code>`}</p>
${payload ? `<h4>Data</h4>${schemaHtml(payload.schema, {})}` : ""}
<details><summary>Headers</summary>${schemaHtml(headers, {})}</details>
<details><summary>Example</summary>${jsonBlock(example?.headers)}${payload ? jsonBlock(example?.payload) : ""}</details>
</article>`;
}
