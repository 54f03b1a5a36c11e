/** Pure: the answer to a scrape, in the format that the scraper takes. */

export interface Exposition {
  contentType: string;
  body: string;
}

const openMetrics =
  "application/openmetrics-text; version=1.0.0; charset=utf-8";
const plain = "text/plain; version=0.0.4; charset=utf-8";

/** Joins texts of OpenMetrics, none of which has a metric of another. `accept`: the scraper's header. */
export function makeExposition(
  texts: readonly string[],
  accept = "",
): Exposition {
  const text = texts.join("");
  return accept.includes("application/openmetrics-text")
    ? { contentType: openMetrics, body: `${text}# EOF\n` }
    : { contentType: plain, body: toPlainText(text) };
}

/** Prometheus' older format: no exemplars, and a counter's family is called as its sample. */
function toPlainText(text: string): string {
  const lines = text.split("\n");
  const counters = new Set(
    lines.flatMap((line) => /^# TYPE (\S+) counter$/.exec(line)?.[1] ?? []),
  );
  return lines.map((line) => plainLine(line, counters)).join("\n");
}

function plainLine(line: string, counters: ReadonlySet<string>): string {
  const [, what = "", name = "", rest = ""] =
    /^# (HELP|TYPE) (\S+)(.*)$/.exec(line) ?? [];
  if (what !== "")
    return `# ${what} ${name}${counters.has(name) ? "_total" : ""}${rest}`;
  return line.replace(/ # \{[^{}]*\} \S+ \S+$/, "");
}
