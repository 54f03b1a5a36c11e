/** The programs of callers in `examples/`, run as a user runs them, against a whole system. */
import {
  eventually,
  freePort,
  startStack,
  type Stack,
} from "@jetscribe/testing";
import assert from "node:assert/strict";
import { spawnSync } from "node:child_process";
import { afterAll, beforeAll, describe, test } from "vitest";
import { chromium, openPage } from "./chromium.ts";
import { makePrograms, node } from "./programs.ts";

const has = (program: string) => spawnSync(program, ["--version"]).status === 0;
const hasPython = has("python3");

describe("the example", () => {
  let stack: Stack;
  /** Of browser.ts. */
  let port: number;
  beforeAll(async () => {
    port = await freePort();
    const CORS_ORIGINS = `http://127.0.0.1:${port}`;
    stack = await startStack({
      env: { ENGINE: "fake", FAKE_MS: "2000", CORS_ORIGINS },
    });
  });
  afterAll(() => stack?.stop());

  const envOf = ({ url, key }: Stack) => ({
    PYTHONDONTWRITEBYTECODE: "1",
    JETSCRIBE_URL: url,
    JETSCRIBE_KEY: key,
    PORT: String(port),
  });

  const { run, runWhile } = makePrograms(() => envOf(stack));

  const id = "[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}";

  test("client.ts", async () => {
    const printed = await run(process.execPath, "examples/client.ts", "hi");
    assert.match(
      printed,
      new RegExp(`^accepted: ${id}\n(\\w+ ?)+\noutcome: completed\n$`),
    );
  });

  test.skipIf(!hasPython)("client_example.py", async () => {
    const printed = await run("python3", "examples/client_example.py", "hi");
    assert.match(
      printed,
      new RegExp(
        `^accepted: ${id}\nstatus: \\w+\n(\\w+ ?)+\noutcome: completed\n\\d+ tokens, [\\d.]+ tokens/s\n$`,
      ),
    );
  });

  test.skipIf(!hasPython)("quick_test.py", async () => {
    const printed = await run("python3", "examples/quick_test.py");
    assert.match(
      printed,
      /^ {4}ok {2}healthy: healthy\n {4}ok {2}10 prompts at once: 10 completed in [\d.]+ s\n {4}ok {2}a cancel: cancelled\n$/,
    );
  });

  test.skipIf(!has("curl"))("curl.sh", async () => {
    const printed = await run("sh", "examples/curl.sh");
    const accepted = `accepted: ${id}\n`;
    const token = String.raw`id: \S+\nevent: token\ndata: \{.*\}\n\n`;
    const outcome = String.raw`id: end\nevent: completed\ndata: \{.*\}\n\n`;
    const answer = (status: string) => `\\{"status":"${status}".*\\}\n`;
    assert.match(
      printed,
      new RegExp(
        `^${accepted}${answer("completed")}` +
          `${accepted}[^]*\n(${token})+${outcome}` +
          `${accepted}${answer("cancelled")}$`,
      ),
    );
  });

  const both = String.raw`whole: (\w+ ?)+\nstream: (\w+ ?)+\n`;

  test("openai_client.ts", async () => {
    const printed = await run(
      process.execPath,
      "examples/openai_client.ts",
      "hi",
    );
    assert.match(printed, new RegExp(`^${both}$`));
  });

  test("ai_sdk.ts", async () => {
    const printed = await run(process.execPath, "examples/ai_sdk.ts", "hi");
    assert.match(printed, new RegExp(`^${both}[1-9]\\d* tokens\n$`));
  });

  test("langchain.ts", async () => {
    const printed = await run(process.execPath, "examples/langchain.ts", "hi");
    assert.match(printed, new RegExp(`^${both}$`));
  });

  test.skipIf(!chromium)("browser.ts and browser.html", async () => {
    const address = `http://127.0.0.1:${port}`;
    await runWhile(
      node("examples/browser.ts"),
      `open ${address}\n`,
      async () => {
        await using page = await openPage(chromium!, address);
        await eventually(() =>
          page.evaluate(
            `document.readyState === "complete" && (document.querySelector("button").click(), true)`,
          ),
        );
        const shown = (id: string) =>
          page.evaluate(`document.querySelector("#${id}").textContent`);
        const ends = ["completed", "failed", "the gateway refused the stream"];
        const status = await eventually(async () => {
          const now = String(await shown("status"));
          return ends.includes(now) && now;
        });
        assert.equal(status, "completed");
        assert.match(String(await shown("text")), /^(\w+ ?)+$/);
      },
    );
  });
});
