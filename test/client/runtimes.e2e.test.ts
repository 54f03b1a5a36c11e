/** The client in each runtime that it is made for, through a proxy that breaks streams off. */
import { eventually, startStack, type Stack } from "@jetscribe/testing";
import assert from "node:assert/strict";
import { join } from "node:path";
import { afterAll, beforeAll, describe, test } from "vitest";
import { root } from "../../scripts/install/project.mjs";
import { chromium, openPage } from "../examples/chromium.ts";
import { startCuttingProxy, type Call } from "./cuttingProxy.ts";
import { startPageServer } from "./pageServer.ts";
import { runModule, runtimes } from "./runtimes.ts";
import type { Scenario, Told } from "./scenario.ts";

describe("the client in", () => {
  let stack: Stack;
  let page: Awaited<ReturnType<typeof startPageServer>>;
  beforeAll(async () => {
    page = await startPageServer();
    const env = { ENGINE: "fake", FAKE_MS: "1500", FAKE_TOKENS: "60" };
    stack = await startStack({ env: { ...env, CORS_ORIGINS: page.url } });
  });
  afterAll(async () => {
    await stack?.stop();
    await page?.[Symbol.asyncDispose]();
  });

  /** A key with room for two unfinished tasks. */
  async function makeKey(name: string): Promise<string> {
    const answer = await fetch(`${stack.url}/admin/keys`, {
      method: "POST",
      headers: { "content-type": "application/json", "x-api-key": stack.key },
      body: JSON.stringify({ name, limits: { max_tasks: 2 } }),
    });
    assert.equal(answer.status, 201);
    return ((await answer.json()) as { key: string }).key;
  }

  /** Has the scenario run by a runtime, and looks at what it tells and at what it sent. */
  async function check(
    name: string,
    run: (scenario: Scenario) => Promise<Told>,
  ): Promise<void> {
    await using proxy = await startCuttingProxy(stack.url);
    const apiKey = await makeKey(name);
    const told = await run({ url: proxy.url, apiKey });
    checkTold(told);
    checkStreams(proxy.calls, told);
    checkRetry(proxy.calls);
  }

  for (const [name, commandOf] of Object.entries(runtimes))
    test(name, async () => {
      const command = await commandOf();
      await check(name, async (scenario) => {
        const code = callOf(join(root, "test/client/scenario.ts"), scenario);
        const print = `console.log(JSON.stringify(await ${code}))`;
        return JSON.parse(await runModule(command, print)) as Told;
      });
    });

  test.skipIf(!chromium)("Chromium", async () => {
    await using tab = await openPage(chromium!, page.url);
    const loaded = `document.readyState === "complete" && origin === "${page.url}"`;
    await eventually(() => tab.evaluate(loaded).catch(() => false));
    await check("Chromium", async (scenario) => {
      const code = callOf(`${page.url}/test/client/scenario.ts`, scenario);
      return (await tab.evaluate(code)) as Told;
    });
  });
});

const callOf = (module: string, scenario: Scenario): string =>
  `import(${JSON.stringify(module)}).then(({ runScenario }) => runScenario(${JSON.stringify(scenario)}))`;

function checkTold(told: Told): void {
  const { outcome, task_id } = told;
  assert.ok(outcome.status === "completed");
  assert.equal(told.streamed, outcome.result);
  assert.equal(new Set(told.tokenIds).size, told.tokenIds.length);
  assert.deepEqual(told.statuses, ["completed", "completed", "completed"]);
  assert.deepEqual(told.labelled, [task_id]);
  assert.deepEqual(told.listed, { count: 4, first: true });
  assert.equal(told.cancelled, "cancelled");
  assert.match(told.again, /^409 /);
  assert.deepEqual(told.aborted, ["enough", "enough"]);
  // It ran on, or there would have been nothing to cancel.
  assert.equal(told.went, "cancelled");
}

/** A stream that broke off was opened again, from the last token that had come. */
function checkStreams(calls: readonly Call[], told: Told): void {
  const route = `GET /stream/${told.task_id}`;
  const streams = calls.filter((call) => call.route === route);
  assert.equal(streams.length, 3);
  const [first, second, third] = streams.map(({ lastEventId }) => lastEventId);
  assert.equal(first, undefined);
  assert.ok(told.tokenIds.includes(String(second)));
  assert.ok(told.tokenIds.includes(String(third)));
  assert.notEqual(second, third);
}

/** A refused prompt was sent again under its key, not before its Retry-After. */
function checkRetry(calls: readonly Call[]): void {
  const posts = calls.filter(({ route }) => route === "POST /generate");
  const refused = posts.findIndex(({ status }) => status === 429);
  const [before, after] = posts.slice(refused);
  assert.ok(refused >= 0 && before && after);
  assert.equal(after.idempotencyKey, before.idempotencyKey);
  const waitedMs = after.atMs - before.atMs;
  assert.ok(waitedMs >= Number(before.retryAfter) * 1_000, `${waitedMs} ms`);
}
