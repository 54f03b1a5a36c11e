/** What the documents name exists: links and their anchors, paths, scripts, settings. */
import { Config as GatewayConfig } from "../../services/gateway/src/config.ts";
import { Config as InferenceConfig } from "../../services/inference/src/config.ts";
import { Config as LoggerConfig } from "../../services/logger/src/config.ts";
import { Config as ResultsConfig } from "../../services/results/src/config.ts";
import { Config as WebhooksConfig } from "../../services/webhooks/src/config.ts";
import assert from "node:assert/strict";
import { posix } from "node:path";
import { test } from "vitest";
import {
  anchorsOf,
  codeLinks,
  codeSpans,
  documents,
  files,
  folders,
  linkTargets,
  readDocument,
  readText,
  type Document,
} from "./documents.ts";

/** Every finding as `document: what`, so that a failure names all of them at once. */
const findings = (wrongOf: (document: Document) => Iterable<string>) =>
  documents.flatMap((document) =>
    [...wrongOf(document)].map((what) => `${document.path}: ${what}`),
  );

test("every relative link leads to a file or a folder, and every anchor to a heading", () => {
  assert.ok(documents.flatMap(linkTargets).length > 300);
  const wrong = findings((document) =>
    linkTargets(document).filter((target) => !leadsSomewhere(document, target)),
  );
  assert.deepEqual(wrong, []);
});

function leadsSomewhere(document: Document, target: string): boolean {
  if (/^[a-z]+:/.test(target)) return true;
  const [path = "", anchor] = target.split("#");
  const to =
    path === ""
      ? document.path
      : posix.normalize(posix.join(posix.dirname(document.path), path));
  if (!files.has(to) && !folders.has(to.replace(/\/$/, ""))) return false;
  if (anchor === undefined || !to.endsWith(".md")) return true;
  return anchorsOf(readDocument(to)).has(anchor);
}

test.each([
  ["docs/subscribe.md", 4],
  ["docs/nats-api.md", 1],
])(
  "the programs on %s are the files that they are links to, which tests run",
  (page, atLeast) => {
    const { text } = readDocument(page);
    const shown = [
      ...text.matchAll(
        /^\[`[^`\n]+`\]\(\.\.\/([^)\n]+)\):\n\n```\w+\n(.*?)^```$/gms,
      ),
    ];
    assert.ok(shown.length >= atLeast);
    for (const [, path = "", program] of shown)
      assert.equal(program, readText(path), path);
  },
);

test("every threat on docs/security.md has a control and a test", () => {
  const { prose } = readDocument("docs/security.md");
  const threats = prose
    .split(/^## /m)
    .filter((section) => section.includes("| threat "))
    .flatMap((section) => section.split("\n").filter((line) => line.startsWith("| ")).slice(2)); // prettier-ignore
  assert.ok(threats.length > 40);
  const without = threats.filter((row) => {
    const [, , control = "", tests = ""] = row.split("|");
    const named = [...tests.matchAll(/\]\(\.\.\/([^)]+)\)/g)].map(([, path = ""]) => path); // prettier-ignore
    const isTest = (path: string) =>
      /\.(?:test|compose)\.ts$/.test(path) && files.has(path);
    return control.trim() === "" || !named.some(isTest);
  });
  assert.deepEqual(without, []);
});

test("a link whose text is a file's name leads to a file of that name", () => {
  const leadsToFile = ({ label, target }: { label: string; target: string }) =>
    /^[\w./-]+$/.test(label) &&
    /^[^#:]+\.\w+$/.test(target) &&
    !target.endsWith(`${label}/README.md`);
  const named = documents.flatMap(codeLinks).filter(leadsToFile);
  assert.ok(named.length > 100);
  const wrong = findings((document) =>
    codeLinks(document)
      .filter(leadsToFile)
      .filter(({ label, target }) => !isNameOf(label, target))
      .map(({ label, target }) => `${label} leads to ${target}`),
  );
  assert.deepEqual(wrong, []);
});

/** Whether this is the path's end, from the start of a folder's or the file's name to the name's end or to a dot. */
function isNameOf(label: string, path: string): boolean {
  const name = label.split("/").pop() ?? "";
  const base = posix.basename(path);
  return (
    (base === name || base.startsWith(`${name}.`)) &&
    `/${path}`.includes(`/${label}`)
  );
}

test("every file that a document names is there, if only by the end of its path", () => {
  const looksLikeOne = (span: string) =>
    /^(?:[\w.-]+\/)*[\w-]+(?:\.[\w-]+)*\.(?:ts|mjs|lua)$/.test(span) &&
    !savedByReader.has(span);
  const named = documents.flatMap(codeSpans).filter(looksLikeOne);
  assert.ok(named.length > 100);
  const ends = new Set(
    [...files].flatMap((path) => {
      const parts = path.split("/");
      return parts.map((_, i) => parts.slice(i).join("/"));
    }),
  );
  const wrong = findings((document) =>
    codeSpans(document)
      .filter(looksLikeOne)
      .filter((span) => !ends.has(span)),
  );
  assert.deepEqual(wrong, []);
});

/** What a reader saves under that name. */
const savedByReader = new Set(["watch.mjs"]);

test("every reference link is defined", () => {
  const wrong = findings(({ prose }) => {
    const defined = new Set(
      [...prose.matchAll(/^\[([^\]]+)\]: /gm)].map(([, name]) => name),
    );
    const used = [...prose.matchAll(/\[(\d{4})\](?![(:])/g)];
    return used.map(([, name = ""]) => name).filter((name) => !defined.has(name)); // prettier-ignore
  });
  assert.deepEqual(wrong, []);
});

/** Folders that are made at run time. */
const madeLater = /^(\.data|\.local|logs|bench\/results|node_modules)\b/;

test("every path in backticks that looks like one of the repository's exists", () => {
  const tops = new Set([...folders].filter((folder) => !folder.includes("/")));
  const looksLikeOne = (span: string) =>
    /^[\w.@-]+(\/[\w.@*-]+)+\/?$/.test(span) &&
    tops.has(span.split("/")[0] ?? "") &&
    !madeLater.test(span) &&
    !span.includes("*");
  const exists = (path: string) =>
    files.has(path) || folders.has(path.replace(/\/$/, ""));
  const named = documents.flatMap(codeSpans).filter(looksLikeOne);
  assert.ok(named.length > 10);
  const wrong = findings((document) =>
    codeSpans(document)
      .filter(looksLikeOne)
      .filter((span) => !isExample(span) && !exists(span)),
  );
  assert.deepEqual(wrong, []);
});

/** What a reader puts there. */
const isExample = (path: string) => path === "models/some.gguf";

test("the paths that commands name exist", () => {
  const paths = /(?<![\w./-])(?:deploy|scripts|test|packages|services|bench)\/[\w./-]+/g; // prettier-ignore
  const wrong = findings(({ blocks, prose }) => {
    const commands = [
      ...blocks
        .filter(({ language }) => language === "sh" || language === "console")
        .map(({ text }) => text),
      ...[...prose.matchAll(/`((?:npm|pnpm|node|docker) [^`]+)`/g)].map(
        ([, command = ""]) => command,
      ),
    ];
    const named = commands.flatMap((text) => text.match(paths) ?? []);
    return named.filter((one) => !files.has(one) && !folders.has(one));
  });
  assert.deepEqual(wrong, []);
});

test("every npm script that a document names is in package.json", () => {
  const { scripts } = JSON.parse(readText("package.json")) as {
    scripts: Record<string, string>;
  };
  const known = new Set(Object.keys(scripts));
  const named = documents.map(({ path, text }) => ({
    path,
    names: [...text.matchAll(/\bp?npm run ([\w:-]+)|\bp?npm (start|test)\b(?!:)|\bpnpm (test:\w+)/g)].map(([, run, short, pnpm]) => run ?? short ?? pnpm ?? ""), // prettier-ignore
  }));
  assert.ok(named.flatMap(({ names }) => names).length > 50);
  const wrong = named.flatMap(({ path, names }) =>
    names.filter((name) => !known.has(name)).map((name) => `${path}: ${name}`),
  );
  assert.deepEqual(wrong, []);
});

/** The variables that services read. */
const ofServices = [
  GatewayConfig.in.shape,
  InferenceConfig.in.shape,
  LoggerConfig.shape,
  ResultsConfig.shape,
  WebhooksConfig.in.shape,
].flatMap((shape) => Object.keys(shape));

/** The variables that `.env.example` shows, and those that Compose puts in. */
const shown = [...readText(".env.example").matchAll(/^#?([A-Z][A-Z0-9_]+)=/gm)];
const composed = [...files]
  .filter((path) => /^deploy\/.*\.ya?ml$/.test(path))
  .flatMap((path) => [...readText(path).matchAll(/\$\{([A-Z][A-Z0-9_]+)/g)]);
const settings = new Set([
  ...ofServices,
  ...[...shown, ...composed].map(([, name = ""]) => name),
]);
/** Compose makes it of `EDGE_NET`. */
settings.delete("NGROK_ADDRESS");
/** OpenTelemetry's SDK reads them itself; docs/traces.md has them. */
const ofTraces = [...settings].filter((name) => name.startsWith("OTEL_"));
for (const name of ofTraces) settings.delete(name);

const configuration = readDocument("docs/configuration.md");
const rows = [...configuration.prose.matchAll(/^\| `([A-Z][A-Z0-9_]+)` +\|/gm)];
const described = rows.map(([, name = ""]) => name);

test("docs/configuration.md has a row for every setting of the code, and for no other", () => {
  assert.ok(settings.size > 40);
  assert.deepEqual(described.toSorted(), [...settings].toSorted());
});

test("docs/traces.md names every variable of OpenTelemetry that Compose passes on", () => {
  assert.ok(ofTraces.length > 0);
  const text = readText("docs/traces.md");
  const missing = ofTraces.filter((name) => !text.includes(name));
  assert.deepEqual(missing, []);
});

test(".env.example shows every setting of the services", () => {
  const names = new Set(shown.map(([, name = ""]) => name));
  const missing = ofServices.filter((name) => !names.has(name));
  assert.deepEqual([...new Set(missing)], []);
});

test("the defaults in docs/configuration.md are those of .env.example", () => {
  const example = new Map(
    [...readText(".env.example").matchAll(/^#([A-Z][A-Z0-9_]+)=(.+)$/gm)].map(
      ([, name = "", value = ""]) => [name, value],
    ),
  );
  const table = [
    ...configuration.prose.matchAll(
      /^\| `([A-Z][A-Z0-9_]+)` +\| `([^`]+)` +\|/gm,
    ),
  ];
  const compared = table.filter(([, name = ""]) => example.has(name));
  assert.ok(compared.length > 20);
  const wrong = compared
    .filter(([, name = "", value]) => example.get(name) !== value)
    .map(([, name, value]) => `${name}: ${value}`);
  assert.deepEqual(wrong, []);
});

test("every setting that a document names is one of the code", () => {
  const sources = [...files]
    .filter(
      (path) =>
        !path.endsWith(".md") &&
        /\.(ts|mjs|sh|ya?ml|example)$|Dockerfile/.test(path),
    ) // prettier-ignore
    .map(readText)
    .join("\n");
  const words = new Set(sources.match(/\b[A-Z][A-Z0-9]*(?:_[A-Z0-9]+)+\b/g));
  words.add("DOCKER_BUILDKIT"); // Docker's own
  words.add("OTEL_RESOURCE_ATTRIBUTES"); // OpenTelemetry's own
  const named = (document: Document) =>
    codeSpans(document).flatMap(
      (span) => /^([A-Z][A-Z0-9]*(?:_[A-Z0-9]+)+)(?:=|$)/.exec(span)?.[1] ?? [],
    );
  assert.ok(documents.flatMap(named).length > 100);
  const wrong = findings((document) =>
    named(document).filter((name) => !words.has(name)),
  );
  assert.deepEqual(wrong, []);
});

test("README.md and ARCHITECTURE.md stay short, and the glossary too", () => {
  const bytes = (path: string) => Buffer.byteLength(readText(path));
  assert.ok(bytes("README.md") < 10_000, `README.md: ${bytes("README.md")}`);
  const architecture = bytes("ARCHITECTURE.md");
  assert.ok(architecture <= 15 * 1024, `ARCHITECTURE.md: ${architecture}`);
  const [, glossary = ""] =
    readText("ARCHITECTURE.md").split("\n## Glossary\n");
  const terms = glossary.split("\n## ")[0]?.match(/^- \*\*/gm) ?? [];
  assert.ok(terms.length >= 30 && terms.length <= 45, `${terms.length} terms`);
});
