/** The chaos checker proves itself: broken systems, each of which it has to see. */
import assert from "node:assert/strict";
import { beforeAll, describe, test } from "vitest";
import { catchMutants, mostMs, type Catch } from "../chaos/catchMutants.ts";
import { mutants } from "../chaos/mutants.ts";

for (const [run, those] of Map.groupBy(mutants, ({ run }) => run))
  describe(`the checker sees every mutant of the run: ${run}`, () => {
    let caught: Catch;
    beforeAll(async () => {
      caught = await catchMutants(those);
    }, mostMs);
    for (const mutant of those)
      test(mutant.name, (t) => {
        const [line, ...more] = caught.said.get(mutant.name) ?? [];
        assert.ok(
          line !== undefined,
          `${String(mutant.caught)}\n${caught.output}`,
        );
        void t.annotate(`${line} (and ${more.length} more)`);
      });
  });
