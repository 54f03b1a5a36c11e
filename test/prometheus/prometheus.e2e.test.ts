/** Rules, alerts and the dashboard in a real Prometheus, which scrapes a real system under load. */
import { eventually, startStack, type Stack } from "@jetscribe/testing";
import assert from "node:assert/strict";
import { execFile } from "node:child_process";
import { readFile, readdir } from "node:fs/promises";
import { promisify } from "node:util";
import { afterAll, beforeAll, describe, test } from "vitest";
import { findPrometheus } from "./findPrometheus.ts";
import {
  rulesDir,
  startPrometheus,
  type Prometheus,
  type Series,
} from "./startPrometheus.ts";

const run = promisify(execFile);
const programs = await findPrometheus();
const root = new URL("../../", import.meta.url);

interface Rule {
  name: string;
  query: string;
  type: "alerting" | "recording";
  health: string;
  state?: "inactive" | "pending" | "firing";
}

/** A value, and not the quotient of nothing by nothing. */
const hasData = (found: readonly Series[]) =>
  found.some(({ value: [, text] }) => text !== "NaN");

describe.skipIf(!programs)("promtool", () => {
  test("finds the rules right, and each alert fires when it should", async () => {
    const { promtool } = programs!;
    const names = (await readdir(rulesDir)).filter((name) =>
      name.endsWith(".rules.yml"),
    );
    assert.equal(names.length, 3);
    await run(promtool, ["check", "rules", ...names], { cwd: rulesDir });
    await run(promtool, ["test", "rules", "alerts.test.yml"], {
      cwd: rulesDir,
    });
  });

  test("every alert is tested, and has a section in docs/operations.md", async () => {
    const read = (path: string) => readFile(new URL(path, root), "utf8");
    const alerts = [
      ...(await read("deploy/prometheus/alerts.rules.yml")).matchAll(
        /- alert: (\w+)/g,
      ),
    ].map(([, name = ""]) => name);
    assert.ok(alerts.length >= 10);
    const tests = await read("deploy/prometheus/alerts.test.yml");
    const page = await read("docs/operations.md");
    for (const name of alerts) {
      const times = tests.split(`alertname: ${name}`).length - 1;
      assert.ok(times >= 1, `${name} is not tested`);
      assert.ok(page.includes(`### ${name}\n`), `${name} has no section`);
    }
  });
});

describe.skipIf(!programs)("a Prometheus that scrapes two gateways", () => {
  let stack: Stack;
  let prometheus: Prometheus;
  const stop = new AbortController();
  let loading: Promise<unknown>;
  beforeAll(async () => {
    stack = await startStack({
      services: ["gateway", "gateway-2", "inference", "results", "logger"],
      env: {
        ...{ ENGINE: "fake", FAKE_MS: "40", FAKE_TOKENS: "8", SLOTS: "2" },
      },
    });
    const jobs = {
      jetscribe: [stack.url, stack.url2].map((url) => new URL(url).host),
    };
    prometheus = await startPrometheus(programs!.prometheus, jobs, stack.key);
    loading = load();
  });
  afterAll(async () => {
    stop.abort();
    await loading;
    await prometheus[Symbol.asyncDispose]();
    await stack.stop();
  });

  const post = (body: object = {}) =>
    fetch(`${stack.url}/generate`, {
      method: "POST",
      headers: { "x-api-key": stack.key, "content-type": "application/json" },
      body: JSON.stringify({ prompt: "hi", max_tokens: 8, ...body }),
    });
  /** Until the test is over, some tasks at a time: of both lanes, some of which fail. */
  async function load(): Promise<void> {
    while (!stop.signal.aborted) {
      const bodies = [{}, {}, {}, { lane: "batch" }, { timeout_ms: 10 }];
      for (const body of bodies) await (await post(body)).text();
      await eventually(async () => {
        const [waiting] = await prometheus.query(
          "sum(max by (lane) (jetscribe_tasks_waiting))",
        );
        return stop.signal.aborted || Number(waiting?.value[1] ?? 0) < 50;
      });
    }
  }
  const rules = async (): Promise<Rule[]> => {
    const { groups } = (await prometheus.get("rules")) as {
      groups: { rules: Rule[] }[];
    };
    return groups.flatMap((group) => group.rules);
  };

  test("every rule is evaluated, and every recorded name has values", async () => {
    const all = await eventually(async () => {
      const found = await rules();
      return found.every(({ health }) => health === "ok") ? found : undefined;
    });
    const recorded = all.filter(({ type }) => type === "recording");
    assert.ok(recorded.length > 30);
    for (const { name } of recorded)
      await eventually(
        async () => hasData(await prometheus.query(name)),
        {},
      ).catch(() => assert.fail(`${name} has no values`));
  });

  test("what two gateways say counts once", async () => {
    await eventually(async () => {
      const of = async (expression: string) =>
        Number((await prometheus.query(expression))[0]?.value[1] ?? NaN);
      const once = await of("llamacpp:tokens_predicted_total");
      const twice = await of("sum(jetscribe_completion_tokens_total)");
      return once > 0 && twice > 1.5 * once;
    });
  });

  test("every query of the dashboard has values", async () => {
    const text = await readFile(
      new URL("deploy/grafana/jetscribe.json", root),
      "utf8",
    );
    const { panels } = JSON.parse(text) as {
      panels: { title: string; targets?: { expr: string }[] }[];
    };
    const queries = panels.flatMap(({ title, targets = [] }) =>
      targets.map(({ expr }) => ({ title, expr })),
    );
    assert.ok(queries.length > 25);
    for (const { title, expr } of queries) {
      const asked = expr
        .replaceAll("$__rate_interval", "30s")
        .replaceAll("$model", ".*");
      await eventually(async () =>
        hasData(await prometheus.query(asked)),
      ).catch((cause: unknown) => {
        throw new Error(`no values: ${title}: ${asked}`, { cause });
      });
    }
  });

  test("an exemplar leads to a task", async () => {
    const id = await eventually(async () => {
      const end = Date.now() / 1_000;
      const query = encodeURIComponent("jetscribe_task_total_seconds_bucket");
      const found = (await prometheus.get(
        `query_exemplars?query=${query}&start=${end - 60}&end=${end + 1}`,
      )) as { exemplars: { labels: { trace_id: string } }[] }[];
      return found[0]?.exemplars[0]?.labels.trace_id;
    });
    const parts = /^(.{8})(.{4})(.{4})(.{4})(.{12})$/.exec(id)!.slice(1);
    const task = await fetch(`${stack.url}/result/${parts.join("-")}`, {
      headers: { "x-api-key": stack.key },
    });
    assert.equal(task.status, 200);
    assert.equal(
      ((await task.json()) as { status: string }).status,
      "completed",
    );
  });

  test("no alert is on its way while all is well, and one is when the worker is gone", async () => {
    const waiting = async () =>
      (await rules())
        .filter(({ state = "inactive" }) => state !== "inactive")
        .map(({ name }) => name)
        // Others write to this disk, and a trend over seconds is none.
        .filter((name) => name !== "JetscribeDiskFilling");
    await eventually(async () => (await waiting()).length === 0);
    await stack.kill("inference");
    await eventually(async () =>
      (await waiting()).includes("JetscribeNoWorker"),
    );
    await stack.restart("inference");
    await eventually(
      async () => !(await waiting()).includes("JetscribeNoWorker"),
    );
  });
});
