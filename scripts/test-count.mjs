import { writeFileSync } from "node:fs";

/** @import { Reporter, TestModule } from "vitest/node" */

/**
 * A reporter for vitest that writes one line of JSON to the file named by TEST_COUNT_FILE: how many tests there were. What
 * fails outside of a test (a file that can't be loaded or leaves something behind, a hook, an unhandled error) counts as
 * one failed test each.
 * @implements {Reporter}
 */
export default class CountTests {
  /** @param {ReadonlyArray<TestModule>} modules @param {ReadonlyArray<unknown>} unhandled */
  onTestRunEnd(modules, unhandled) {
    const counts = { passed: 0, failed: unhandled.length, skipped: 0 };
    for (const module of modules) {
      for (const test of module.children.allTests()) {
        const { state } = test.result();
        counts[state === "pending" ? "skipped" : state]++;
      }
      for (const suite of module.children.allSuites())
        counts.failed += suite.errors().length;
      counts.failed += module.errors().length;
    }
    const file = process.env.TEST_COUNT_FILE;
    if (file) writeFileSync(file, JSON.stringify(counts));
  }
}
