/** Runs around each file of tests: see `setupFiles` in vitest.config.ts. */
import fc from "fast-check";
import { afterAll, afterEach, beforeEach } from "vitest";
import { takeViolations, watchAnswers } from "./answers/watchAnswers.ts";
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

// What every gateway answers in a test is as its document says.
const stopWatching = watchAnswers();
const holdToDocument = () => {
  const wrong = takeViolations();
  if (wrong.length > 0)
    throw new Error(
      `answers that are not as /openapi.json says:\n  ${wrong.join("\n  ")}`,
    );
};
afterEach(holdToDocument);
afterAll(() => {
  stopWatching();
  holdToDocument();
});

beforeEach(forgetEnded);
afterEach(({ task }) => {
  const output = task.result?.state === "fail" ? outputOfTest() : "";
  if (output !== "") console.error(output);
});
