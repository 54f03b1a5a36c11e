/** Runs around each file of tests: see `setupFiles` in vitest.config.ts. */
import fc from "fast-check";
import { afterAll, afterEach, beforeEach } from "vitest";
import { watchLeftovers } from "./leftBehind.ts";
import { forgetEnded, outputOfTest } from "./leftovers.ts";
import { testSeed } from "./random.ts";

fc.configureGlobal({ seed: testSeed() });

// This file is loaded first, so this hook runs last.
const watch = watchLeftovers();
afterAll(async () => {
  const left = await watch.leftBehind();
  if (left.length > 0)
    throw new Error(
      `this file leaves something behind (--detectAsyncLeaks tells where timers and sockets were made):\n  ${left.join("\n  ")}`,
    );
});

beforeEach(forgetEnded);
afterEach(({ task }) => {
  const output = task.result?.state === "fail" ? outputOfTest() : "";
  if (output !== "") console.error(output);
});
