/** A short run of the chaos harness; `npm run chaos` runs longer ones, with other seeds. */
import assert from "node:assert/strict";
import { test } from "vitest";
import { runChaos } from "./chaos.ts";
import { formatReport } from "./report.ts";

const seed = 20_261;

test(
  `whatever is killed, frozen, cut and emptied (seed ${seed}), every promise is kept`,
  { timeout: 400_000 },
  async () => {
    const report = await runChaos({ seed, seconds: 25, perSecond: 8 });
    assert.deepEqual(report.violations, [], formatReport(report));
    // It was no idle run.
    assert.ok((report.outcomes["completed"] ?? 0) > 0, formatReport(report));
    assert.ok(Object.keys(report.faults).length >= 5, formatReport(report));
    const { depths, positions } = report.compared;
    assert.ok(depths > 5 && positions >= 12, formatReport(report));
  },
);
