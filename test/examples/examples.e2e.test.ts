/** The programs of `examples/`, run as a user runs them, against a whole system. */
import { startStack, type Stack } from "@jetscribe/testing";
import assert from "node:assert/strict";
import { execFile, spawnSync } from "node:child_process";
import { promisify } from "node:util";
import { afterAll, beforeAll, describe, test } from "vitest";
import { root } from "../docs/documents.ts";

const hasPython = spawnSync("python3", ["--version"]).status === 0;

describe("the example", () => {
  let stack: Stack;
  beforeAll(async () => {
    stack = await startStack({ env: { ENGINE: "fake", FAKE_MS: "2000" } });
  });
  afterAll(() => stack?.stop());

  /** What it prints. Rejects where it ends with another code than 0, or says anything on stderr. */
  async function run(command: string, ...args: string[]): Promise<string> {
    const { url: JETSCRIBE_URL, key: JETSCRIBE_KEY } = stack;
    const env = {
      ...process.env,
      PYTHONDONTWRITEBYTECODE: "1",
      JETSCRIBE_URL,
      JETSCRIBE_KEY,
    };
    const options = { cwd: root, env, timeout: 60_000 };
    const ran = await promisify(execFile)(command, args, options);
    assert.equal(ran.stderr, "");
    return ran.stdout;
  }

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
});
