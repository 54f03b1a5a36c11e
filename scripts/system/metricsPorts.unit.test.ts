import assert from "node:assert/strict";
import { test } from "vitest";
import { metricsPort } from "./metricsPorts.ts";

test("each process has a port of its own", () => {
  const of = (METRICS_PORT: string | undefined, number: number) =>
    metricsPort({ METRICS_PORT }, number);
  assert.deepEqual(of("9464", 0), { METRICS_PORT: "9464" });
  assert.deepEqual(of("9464", 3), { METRICS_PORT: "9467" });
  assert.deepEqual(of("[::]:9464", 1), { METRICS_PORT: "[::]:9465" });
  assert.deepEqual(of(undefined, 1), {});
  assert.deepEqual(of("none", 1), {});
});
