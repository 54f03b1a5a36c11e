/** The chaos checker proves itself: broken systems, each of which it has to see. */
import assert from "node:assert/strict";
import { test } from "node:test";
import { catchMutants } from "../chaos/catchMutants.ts";
import { mutants } from "../chaos/mutants.ts";

for (const [run, those] of Map.groupBy(mutants, ({ run }) => run))
  test(
    `the checker sees every mutant of the run: ${run}`,
    { timeout: 300_000 },
    async (t) => {
      const { said, output } = await catchMutants(those);
      for (const { name, caught } of those)
        await t.test(name, () => {
          const line = said.get(name);
          assert.ok(line !== undefined, `${String(caught)}\n${output}`);
          t.diagnostic(line);
        });
    },
  );
