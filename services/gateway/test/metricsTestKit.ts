/** A scrape of `GET /metrics`, and the values in it. */
import assert from "node:assert/strict";

export interface Scraped {
  text: string;
  /** The content type. */
  type: string;
  /** Of the one series that has these labels, and maybe others; undefined: there is none. */
  value: (name: string, labels: object) => number | undefined;
}

/** Without `accept` in Prometheus' text format. */
export async function scrape(
  url: string,
  key: string,
  accept = "*/*",
): Promise<Scraped> {
  const response = await fetch(`${url}/metrics`, {
    headers: { authorization: `Bearer ${key}`, accept },
  });
  const text = await response.text();
  assert.equal(response.status, 200, text);
  const type = response.headers.get("content-type") ?? "";
  const lines = text.split("\n");
  return {
    ...{ text, type },
    value(name, labels) {
      const pairs = Object.entries(labels).map(
        ([label, value]) => `${label}="${String(value)}"`,
      );
      const [line, more] = lines.filter((line) => {
        const [, itsName = "", itsLabels = ""] =
          /^(\w+)(?:\{(.*)\})? /.exec(line) ?? [];
        return (
          itsName === name &&
          pairs.every((pair) => itsLabels.split(",").includes(pair))
        );
      });
      assert.equal(more, undefined, `${name} has several series`);
      const [, value] = /^\S+(?:\{.*\})? (\S+)/.exec(line ?? "") ?? [];
      if (value === undefined) return undefined;
      return value === "+Inf" ? Infinity : Number(value);
    },
  };
}
