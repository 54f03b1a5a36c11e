import fc from "fast-check";
import assert from "node:assert/strict";
import { test } from "vitest";
import { Counter, Histogram, Registry } from "./client.ts";
import { makeMetrics } from "./metrics.ts";

const help = "Help.";
const labels = ["model"] as const;
const bounds = [0.5, 1, 5];
/** Their sums are exact in any order; some stand at a bound. */
const values = fc.array(fc.nat(48).map((n) => n / 8));

/** An exemplar's last number is when its value came. */
const withoutTimes = (text: string) =>
  text.replace(/^(.* # \{.*\} \S+) \S+$/gm, "$1");

test("a scrape tells of series what the client tells of the same values, also the next scrape", async () => {
  await fc.assert(
    fc.asyncProperty(values, values, async (first, second) => {
      const metrics = makeMetrics();
      const registry = new Registry(Registry.OPENMETRICS_CONTENT_TYPE);
      const common = { help, labelNames: [...labels], registers: [registry] };
      const counter = new Counter({ ...common, name: "a_total" });
      const histogram = new Histogram<string>({
        ...{ ...common, name: "b_seconds", buckets: bounds },
        enableExemplars: true,
      });
      const count = metrics.counterSeries({ name: "a_total", help, labels });
      const time = { name: "b_seconds", help, labels, buckets: bounds };
      const ofModel = { model: "m" };
      const series = {
        count: count(ofModel),
        time: metrics.histogram(time)(ofModel),
      };
      counter.inc(ofModel, 0);
      for (const batch of [first, second]) {
        for (const [i, value] of batch.entries()) {
          const exemplarLabels = { trace_id: String(i) };
          counter.inc(ofModel, value);
          series.count.add(value);
          histogram.observe({ labels: ofModel, value, exemplarLabels });
          series.time.observe(value, exemplarLabels);
        }
        const expected = (await registry.metrics()).replace(/# EOF\n$/, "");
        const told = await metrics.text();
        assert.equal(withoutTimes(told), withoutTimes(expected));
      }
    }),
  );
});

test("a counter's series begins with 0, and a histogram's with its first value", async () => {
  const metrics = makeMetrics();
  metrics.counterSeries({ name: "a_total", help, labels })({ model: "m" });
  const time = { name: "b_seconds", help, labels, buckets: bounds };
  const series = metrics.histogram(time)({ model: "m" });
  assert.match(await metrics.text(), /^a_total\{model="m"\} 0$/m);
  assert.doesNotMatch(await metrics.text(), /b_seconds_/);
  series.observe(0.7, { trace_id: "t" });
  assert.match(await metrics.text(), /^b_seconds_count\{model="m"\} 1$/m);
});
