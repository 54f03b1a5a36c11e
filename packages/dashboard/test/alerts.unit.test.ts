import type { NowWorker } from "@jetscribe/schema";
import assert from "node:assert/strict";
import { readFileSync } from "node:fs";
import { test } from "vitest";
import { alertsOf, type Watched } from "../src/health/alerts.ts";

const worker: NowWorker = {
  ...{ worker_id: "w", model: "demo", engine: "fake", model_loaded: true },
  ...{ slots: 1, in_hand: 0, tokens_per_second: 0, running: [] },
};
const disk = { free: 50e9, total: 100e9 };
const well: Watched = {
  health: {
    ...{ status: "healthy", nats: true, redis: true },
    projections: [{ name: "results", seq: 1, caught_up: true, disk }],
  },
  workers: [worker],
  lost: [],
};
const whenHealth = (health: Partial<Watched["health"]>): Watched => ({
  ...well,
  health: { ...well.health, ...health },
});
const results = { name: "results", seq: 1, caught_up: true };
const lost = { worker_id: "w2", model: "demo", engine: "fake", slots: 1, last_heard_at: 1 }; // prettier-ignore

const troubles: Record<string, Watched> = {
  "The broker does not answer.": whenHealth({ nats: false }),
  "The broker stores nothing.": whenHealth({ stores_nothing: "no answer" }),
  "Redis does not answer.": whenHealth({ redis: false }),
  "The log is full.": whenHealth({ log_full: "no room" }),
  "Nothing is generated.": { ...well, workers: [{ ...worker, live: false }] },
  "1 worker fell silent without a goodbye.": { ...well, lost: [lost] },
  "logger is away.": whenHealth({ away: ["logger"] }),
  "results stands still.": whenHealth({ projections: [{ ...results, error: "stuck" }] }), // prettier-ignore
  "The disk of results has 4.0 GB left.": whenHealth({ projections: [{ ...results, disk: { free: 4e9, total: 100e9 } }] }), // prettier-ignore
  "The disk of results has 1.0 GB left.": whenHealth({ projections: [{ ...results, disk: { free: 1e9, total: 2e9 } }] }), // prettier-ignore
  "2 tasks are past their time.": whenHealth({ overdue: 2 }),
  "Half of the log is kept for demo.": whenHealth({ log_held: { by: "demo", share: 0.5 } }), // prettier-ignore
  "The models a.b and a-b have one name in subjects.": whenHealth({ model_clashes: [["a.b", "a-b"]] }), // prettier-ignore
};

test("nothing is said where nothing is wrong", () => {
  assert.deepEqual(alertsOf(well), []);
});

test("each trouble is told, with what to do and where to read more", () => {
  const operations = readFileSync(
    new URL("../../../docs/operations.md", import.meta.url),
    "utf8",
  );
  const headings = [...operations.matchAll(/^#+ (.+)$/gm)].map(([, text]) =>
    text?.toLowerCase().replaceAll(" ", "-"),
  );
  for (const [what, page] of Object.entries(troubles)) {
    const alerts = alertsOf(page);
    assert.deepEqual(alerts.map((one) => one.what), [what]); // prettier-ignore
    for (const { todo, heading } of alerts) {
      assert.match(todo, /\.$/);
      assert.ok(headings.includes(heading), heading);
    }
  }
});
