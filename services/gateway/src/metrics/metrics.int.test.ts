/** `GET /metrics` of a whole system: a slow fake engine with two slots, two gateways. */
import { connectStore, makeTaskReader } from "@jetscribe/task-store";
import {
  eventually,
  redisPrefix,
  startStack,
  type Stack,
} from "@jetscribe/testing";
import assert from "node:assert/strict";
import { readFile } from "node:fs/promises";
import { afterAll, beforeAll, describe, test } from "vitest";
import { scrape, type Scraped } from "../../test/metricsTestKit.ts";

const openMetrics = "application/openmetrics-text;version=1.0.0";

describe("GET /metrics", () => {
  let stack: Stack;
  beforeAll(async () => {
    stack = await startStack({
      services: ["gateway", "gateway-2", "inference", "results", "logger"],
      env: {
        ...{ ENGINE: "fake", FAKE_MS: "200", FAKE_TOKENS: "10", SLOTS: "2" },
        API_KEYS: "root:key-of-root,a:key-of-a",
      },
    });
  });
  afterAll(() => stack.stop());

  const headers = (key: string) => ({
    ...{ "x-api-key": key, "content-type": "application/json" },
  });
  async function call(path: string, body?: object, extra = {}) {
    const response = await fetch(stack.url + path, {
      headers: { ...headers("key-of-a"), ...extra },
      ...(body && { method: "POST", body: JSON.stringify(body) }),
    });
    return (await response.json()) as Record<string, unknown>;
  }
  const post = async (body: object = {}, extra = {}) => {
    const asked = { prompt: "a secret prompt", max_tokens: 10, ...body };
    return String((await call("/generate", asked, extra))["task_id"]);
  };
  const ended = (id: string) => call(`/result/${id}?wait=30`);
  /** Once it has the counters of tasks: where the results service is late, a scrape leaves them out. */
  const read = (url = stack.url): Promise<Scraped> =>
    eventually(async () => {
      const found = await scrape(url, "key-of-root");
      return found.text.includes("jetscribe_tasks_finished_total") && found;
    });

  /** Scrapes until it is so: the system is looked at once a second. */
  const until = (isSo: (found: Scraped) => boolean): Promise<Scraped> =>
    eventually(async () => {
      const found = await read();
      return isSo(found) ? found : undefined;
    });

  const lane = { model: "demo", lane: "interactive" };

  test("needs the scope metrics", async () => {
    const status = async (key: string) =>
      (await fetch(`${stack.url}/metrics`, { headers: headers(key) })).status;
    assert.equal(await status("wrong"), 401);
    const keyWith = async (scope: string) => {
      const made = await fetch(`${stack.url}/admin/keys`, {
        method: "POST",
        headers: headers("key-of-root"),
        body: JSON.stringify({ name: scope, scopes: [scope] }),
      });
      return ((await made.json()) as { key: string }).key;
    };
    const [reader, scraper] = [await keyWith("read"), await keyWith("metrics")];
    await eventually(async () => (await status(scraper)) === 200);
    await eventually(async () => (await status(reader)) === 403);
  });

  test("tells what waits and runs, and what ended, as the tasks themselves do", async () => {
    const before = await read();
    const ids = await Promise.all(Array.from({ length: 12 }, () => post()));
    const busy = await eventually(
      async () => {
        ids.push(await post());
        const now = await read();
        return (now.value("jetscribe_tasks_running", lane) ?? 0) > 0 && now;
      },
      { everyMs: 100 },
    );
    assert.equal(busy.value("jetscribe_slots", { model: "demo" }), 2);
    const results = await Promise.all(ids.map(ended));
    const after = await until(
      (now) =>
        now.value("jetscribe_tasks_waiting", lane) === 0 &&
        now.value("jetscribe_tasks_running", lane) === 0 &&
        now.value("jetscribe_projection_lag_events", {
          projection: "logger",
        }) === 0,
    );
    const grown = (name: string, labels: object = lane) =>
      (after.value(name, labels) ?? 0) - (before.value(name, labels) ?? 0);
    const sum = (of: string) =>
      results.reduce(
        (total, { metrics }) =>
          total + (metrics as Record<string, number>)[of]!,
        0,
      );

    const tasks = ids.length;
    assert.equal(grown("jetscribe_tasks_accepted_total"), tasks);
    const completed = { ...lane, status: "completed" };
    assert.equal(grown("jetscribe_tasks_finished_total", completed), tasks);
    assert.equal(grown("jetscribe_prompt_tokens_total"), sum("prompt_tokens"));
    assert.equal(
      grown("jetscribe_completion_tokens_total"),
      sum("completion_tokens"),
    );
    for (const [name, of] of [
      ["wait", "queue_wait_time"],
      ["time_to_first_token", "time_to_first_token"],
      ["processing", "processing_time"],
      ["total", "total_time"],
    ] as const) {
      const histogram = `jetscribe_task_${name}_seconds`;
      assert.equal(grown(`${histogram}_count`), tasks);
      const all = { ...lane, le: "+Inf" };
      assert.equal(grown(`${histogram}_bucket`, all), tasks);
      assert.ok(Math.abs(grown(`${histogram}_sum`) - sum(of)) < 1e-6, name);
    }
    const genAi = { gen_ai_request_model: "demo" };
    assert.equal(
      grown("gen_ai_server_request_duration_seconds_count", {
        ...genAi,
        error_type: "",
      }),
      tasks,
    );
    assert.equal(
      grown("gen_ai_server_time_to_first_token_seconds_count", genAi),
      tasks,
    );
    assert.equal(
      grown("gen_ai_server_time_per_output_token_seconds_count", genAi),
      tasks,
    );
    const route = { method: "POST", route: "/generate", status: "202" };
    assert.equal(grown("jetscribe_http_requests_total", route), tasks);
    assert.equal(
      after.value("jetscribe_backlog_seconds", { model: "demo" }),
      0,
    );
    assert.equal(
      after.value("jetscribe_workers", { model: "demo", state: "ready" }),
      1,
    );
    assert.equal(
      after.value("jetscribe_projection_up", { projection: "results" }),
      1,
    );
    assert.ok((after.value("jetscribe_log_bytes", {}) ?? 0) > 1_000);
    const disk = { projection: "logger" };
    const free = after.value("jetscribe_disk_free_bytes", disk) ?? 0;
    const size = after.value("jetscribe_disk_size_bytes", disk) ?? 0;
    assert.ok(free > 0 && free < size);
    assert.ok((after.value("nodejs_eventloop_lag_p99_seconds", {}) ?? 0) > 0);
    assert.ok((after.value("process_cpu_seconds_total", {}) ?? 0) > 0);
  });

  test("tells what waits while it waits: how many, since when, and for how long", async () => {
    // Two of them run until they are cancelled.
    const long = { lane: "batch", max_tokens: 10_000, ignore_eos: true };
    const ids = await Promise.all(Array.from({ length: 4 }, () => post(long)));
    const of = { model: "demo", lane: "batch" };
    const waiting = await until(
      (now) => (now.value("jetscribe_oldest_waiting_seconds", of) ?? 0) > 0.5,
    );
    assert.ok((waiting.value("jetscribe_tasks_waiting", of) ?? 0) > 0);
    assert.ok(
      (waiting.value("jetscribe_backlog_seconds", { model: "demo" }) ?? 0) > 0,
    );
    await Promise.all(ids.map((id) => call(`/cancel/${id}`, {})));
  });

  test("names failures by type, and none of what callers sent", async () => {
    await ended(await post({ timeout_ms: 50, prompt: "too slow" }));
    const type = { ...lane, error_type: "TimeoutError" };
    const found = await until(
      (now) => now.value("jetscribe_task_errors_total", type) === 1,
    );
    assert.equal(
      found.value("jetscribe_task_errors_total", {
        ...lane,
        error_type: "ValidationError",
      }),
      0,
    );
    for (const secret of ["secret", "too slow", "key-of-a", 'owner="'])
      assert.ok(!found.text.includes(secret), secret);
  });

  test("leads from a bucket to the trace of its latest task", async () => {
    const trace = "0af7651916cd43dd8448eb211c80319c";
    const traceparent = `00-${trace}-b7ad6b7169203331-01`;
    await ended(await post({}, { traceparent }));
    const id = await post();
    await ended(id);
    const found = await eventually(async () => {
      const found = await scrape(stack.url, "key-of-root", openMetrics);
      return found.text.includes(id.replaceAll("-", "")) ? found : undefined;
    });
    assert.match(found.text, / # \{trace_id="[0-9a-f]{32}"\} [\d.]+ [\d.]+\n/);
    assert.ok(found.text.endsWith("# EOF\n"));
    assert.equal(
      found.type,
      "application/openmetrics-text; version=1.0.0; charset=utf-8",
    );
    assert.ok(!(await read()).text.includes("trace_id"));
  });

  test("says the same on each gateway", async () => {
    const names = [
      "jetscribe_tasks_finished_total",
      "jetscribe_task_wait_seconds_sum",
    ];
    const of = { ...lane, status: "completed" };
    const [one, other] = [await read(), await read(stack.url2)];
    for (const [name, labels] of [
      [names[0], of],
      [names[1], lane],
    ] as const) {
      assert.ok((one.value(name!, labels) ?? 0) > 0);
      assert.equal(other.value(name!, labels), one.value(name!, labels));
    }
  });

  test("has what docs/metrics.md lists, and nothing else", async () => {
    const page = await readFile(
      new URL("../../../../docs/metrics.md", import.meta.url),
      "utf8",
    );
    // The webhooks service serves its own, which a test beside it compares.
    const own = page.replace(/^## Webhooks\n[^]*?(?=^## )/m, "");
    const listed = [...own.matchAll(/^\| `((?:jetscribe|gen_ai)_\w+)`/gm)];
    const { text } = await read();
    const told = [...text.matchAll(/^# TYPE ((?:jetscribe|gen_ai)_\w+) /gm)];
    const names = (found: RegExpExecArray[]) => found.map(([, name]) => name);
    assert.ok(listed.length > 20);
    assert.deepEqual(names(told).sort(), names(listed).sort());
  });

  test("tells of a projection that is away, and how far the log is ahead of it", async () => {
    const logger = { projection: "logger" };
    const lag = "jetscribe_projection_lag_events";
    await until((now) => now.value(lag, logger) === 0);
    await stack.kill("logger");
    await ended(await post());
    const away = await until(
      (now) =>
        now.value("jetscribe_projection_up", logger) === 0 &&
        (now.value("jetscribe_projection_lag_seconds", logger) ?? 0) > 3,
    );
    assert.equal(away.value(lag, logger), 3);
    await stack.restart("logger");
    await until(
      (now) =>
        now.value("jetscribe_projection_up", logger) === 1 &&
        now.value("jetscribe_projection_lag_seconds", logger) === 0,
    );
  });

  test("counts no task again when Redis is emptied, and goes on counting", async () => {
    const done = { ...lane, status: "completed" };
    const count = (found: Scraped) =>
      found.value("jetscribe_tasks_finished_total", done);
    const before = count(await read());
    const url = stack.redisUrl;
    const store = connectStore({
      ...{ url, prefix: redisPrefix, name: "test" },
      silenceMs: 60_000,
    });
    await eventually(() => store.ready());
    await store.redis.flushall();
    await eventually(async () => {
      const { checkpoint } = await makeTaskReader(store).look([]);
      return checkpoint?.caughtUp;
    });
    await store.close();
    await ended(await post());
    const after = await until((now) => (count(now) ?? before) !== before);
    assert.equal(count(after), (before ?? 0) + 1);
  });
});
