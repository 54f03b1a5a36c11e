/** The programs of docs/nats-api.md, in two languages, against a whole system. */
import { startStack, type Stack } from "@jetscribe/testing";
import assert from "node:assert/strict";
import { spawnSync } from "node:child_process";
import { afterAll, beforeAll, describe, test } from "vitest";
import { bringMs, findNatsPy } from "./foreignClients.ts";
import { makePrograms, node, type Command } from "./programs.ts";

const hasPython = spawnSync("python3", ["--version"]).status === 0;
const env = { ENGINE: "fake", FAKE_MS: "200" };
const id = "[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}";
const whole = new RegExp(`^accepted: ${id}\n(\\w+ ?)+\noutcome: completed\n$`);

describe("calls on NATS", () => {
  let stack: Stack;
  beforeAll(async () => {
    stack = await startStack({ env, callers: ["default", "nobody"] });
  });
  afterAll(() => stack?.stop());

  const runAs = (owner: string, program: Command, foreign = {}) => {
    const { run } = makePrograms(() => ({
      ...{ NATS_URL: stack.plainNatsUrl, PYTHONDONTWRITEBYTECODE: "1" },
      NATS_NKEY_FILE: stack.accounts?.fileOfCaller(owner),
      ...foreign,
    }));
    return run(...program, owner, "hi");
  };
  const inNode = node("examples/nats_api.ts");

  test("nats_api.ts submits a prompt and prints its text", async () => {
    assert.match(await runAs("default", inNode), whole);
  });

  test("nats_api.ts tells why it is refused", async () => {
    await assert.rejects(runAs("nobody", inNode), /No valid API key/);
  });

  test.skipIf(!hasPython)("nats_api.py is Python", async () => {
    const { run } = makePrograms(() => ({}));
    const check = "import ast, sys; ast.parse(open(sys.argv[1]).read())";
    await run("python3", "-c", check, "examples/nats_api.py");
  });

  test.skipIf(!hasPython)(
    "nats_api.py submits a prompt and prints its text",
    async ({ skip }) => {
      const foreign = await findNatsPy();
      skip(foreign === undefined, "no nats-py");
      const program = ["python3", "examples/nats_api.py"] as const;
      assert.match(await runAs("default", program, foreign), whole);
    },
    bringMs,
  );
});
