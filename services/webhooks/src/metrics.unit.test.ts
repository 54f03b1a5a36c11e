import assert from "node:assert/strict";
import { readFile } from "node:fs/promises";
import { test } from "vitest";
import { makeWebhookMetrics } from "./metrics.ts";

test("the service's metrics are those that docs/metrics.md lists for it", async () => {
  const page = await readFile(
    new URL("../../../docs/metrics.md", import.meta.url),
    "utf8",
  );
  const [section = ""] = /^## Webhooks\n[^]*?(?=^## )/m.exec(page) ?? [];
  const listed = section.matchAll(/^\| `(jetscribe_\w+)`/gm);
  const text = await makeWebhookMetrics().text();
  const told = text.matchAll(/^# TYPE (jetscribe_\w+) (\w+)/gm);
  // OpenMetrics names a counter without its ending.
  const names = Array.from(told, ([, name = "", type]) =>
    type === "counter" ? `${name}_total` : name,
  );
  const listedNames = Array.from(listed, ([, name]) => name);
  assert.ok(names.length > 0);
  assert.deepEqual(names.sort(), listedNames.sort());
});
