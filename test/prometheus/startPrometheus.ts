/** A Prometheus of the test's own, which scrapes once a second. */
import { eventually, freePort } from "@jetscribe/testing";
import { spawn } from "node:child_process";
import { once } from "node:events";
import { mkdtemp, readdir, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";

export const rulesDir = new URL("../../deploy/prometheus/", import.meta.url)
  .pathname;

export interface Series {
  metric: Record<string, string>;
  /** When, and what; the latter as text. */
  value: [number, string];
}

export interface Prometheus extends AsyncDisposable {
  /** Of an instant query: now. */
  query: (expression: string) => Promise<Series[]>;
  /** `data` of an answer of its API. */
  get: (path: string) => Promise<unknown>;
}

/** `job`, and where its processes are scraped. */
export async function startPrometheus(
  program: string,
  jobs: Record<string, string[]>,
  key: string,
): Promise<Prometheus> {
  const dir = await mkdtemp(join(tmpdir(), "jetscribe-prometheus-"));
  const rules = (await readdir(rulesDir)).filter((name) =>
    name.endsWith(".rules.yml"),
  );
  const config = {
    global: { scrape_interval: "1s", evaluation_interval: "1s" },
    rule_files: rules.map((name) => join(rulesDir, name)),
    scrape_configs: Object.entries(jobs).map(([job_name, targets]) => ({
      ...{ job_name, authorization: { credentials: key } },
      static_configs: [{ targets }],
    })),
  };
  // JSON is YAML.
  await writeFile(join(dir, "prometheus.yml"), JSON.stringify(config));
  const port = await freePort();
  const child = spawn(
    program,
    [
      `--config.file=${join(dir, "prometheus.yml")}`,
      `--storage.tsdb.path=${join(dir, "data")}`,
      `--web.listen-address=127.0.0.1:${port}`,
      "--enable-feature=exemplar-storage",
    ],
    { stdio: ["ignore", "ignore", "pipe"] },
  );
  let said = "";
  child.stderr.setEncoding("utf8").on("data", (text: string) => (said += text));
  const closed = once(child, "close");
  const get = async (path: string) => {
    const response = await fetch(`http://127.0.0.1:${port}/api/v1/${path}`);
    const answer = (await response.json()) as {
      data?: unknown;
      error?: string;
    };
    if (answer.error !== undefined) throw new Error(`${path}: ${answer.error}`);
    return answer.data;
  };
  await eventually(async () => {
    if (child.exitCode !== null) throw new Error(said);
    const url = `http://127.0.0.1:${port}/-/ready`;
    return (await fetch(url).catch(() => undefined))?.ok;
  });
  return {
    get,
    async query(expression) {
      const path = `query?query=${encodeURIComponent(expression)}`;
      return ((await get(path)) as { result: Series[] }).result;
    },
    async [Symbol.asyncDispose]() {
      child.kill();
      await closed;
      await rm(dir, { recursive: true, force: true });
    },
  };
}
