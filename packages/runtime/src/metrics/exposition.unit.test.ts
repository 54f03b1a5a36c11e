import assert from "node:assert/strict";
import { test } from "vitest";
import { makeExposition } from "./exposition.ts";
import { makeMetrics } from "./metrics.ts";

const trace = "01a223a2500a7000b91f8c3d85cca0f1";

async function someText(): Promise<string> {
  const metrics = makeMetrics();
  const of = { model: 'a"b\n # {x="1"} 2 3' };
  const labels = ["model"] as const;
  const calls = { name: "a_calls_total", help: "Calls.", labels };
  metrics.counter(calls).inc(of, 2);
  const wait = { name: "a_wait_seconds", help: "Wait.", labels };
  metrics.histogram({ ...wait, buckets: [1, 5] })(of).observe(0.5, { trace_id: trace }); // prettier-ignore
  return await metrics.text();
}

const escaped = String.raw`model="a\"b\n # {x=\"1\"} 2 3"`;

test("OpenMetrics: exemplars, a family's own name, and an end", async () => {
  const accept = "application/openmetrics-text;version=1.0.0,text/plain;q=0.5";
  const { contentType, body } = makeExposition([await someText()], accept);
  assert.match(contentType, /^application\/openmetrics-text; version=1\.0\.0/);
  const lines = body.split("\n");
  assert.ok(lines.includes("# TYPE a_calls counter"));
  assert.ok(lines.includes(`a_calls_total{${escaped}} 2`));
  const bucket = lines.find((line) => line.includes('le="1"')) ?? "";
  assert.match(bucket, /\} 1 # \{trace_id="01a2[0-9a-f]{28}"\} 0\.5 [\d.]+$/);
  assert.ok(body.endsWith("\n# EOF\n"));
});

test("Prometheus' text: no exemplars, a counter called as its sample, labels as they were", async () => {
  const { contentType, body } = makeExposition([await someText()], "*/*");
  assert.match(contentType, /^text\/plain; version=0\.0\.4/);
  const lines = body.split("\n");
  assert.ok(lines.includes("# HELP a_calls_total Calls."));
  assert.ok(lines.includes("# TYPE a_calls_total counter"));
  assert.ok(lines.includes(`a_calls_total{${escaped}} 2`));
  assert.ok(lines.includes(`a_wait_seconds_bucket{le="1",${escaped}} 1`));
  assert.ok(!body.includes("trace_id"));
  assert.ok(!body.includes("EOF"));
});

test("several texts are one", () => {
  const { body } = makeExposition([
    "# TYPE a gauge\na 1\n",
    "# TYPE b gauge\nb 2\n",
  ]);
  assert.equal(body, "# TYPE a gauge\na 1\n# TYPE b gauge\nb 2\n");
});
