/** The programs of docs/subscribe.md, in three languages, against a whole system. */
import { makeClient } from "@jetscribe/client";
import { eventually, startStack, type Stack } from "@jetscribe/testing";
import assert from "node:assert/strict";
import { spawnSync } from "node:child_process";
import { mkdtemp, rm } from "node:fs/promises";
import { DatabaseSync } from "node:sqlite";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, beforeAll, beforeEach, describe, test } from "vitest";
import { bringMs, compileWithNats, findNatsPy } from "./foreignClients.ts";
import { makePrograms, node, python, type Command } from "./programs.ts";

const cProgram = "examples/subscribe/subscribe.c";
const hasPython = spawnSync("python3", ["--version"]).status === 0;

describe("a subscriber", () => {
  let stack: Stack;
  let folder: string;
  /** Variables of the client of NATS in another language, in the tests of its program. */
  let foreign: NodeJS.ProcessEnv | undefined;
  beforeAll(async () => {
    folder = await mkdtemp(join(tmpdir(), "jetscribe-subscribe-"));
    stack = await startStack({ env: { ENGINE: "fake", FAKE_MS: "200" } });
  });
  afterAll(async () => {
    await stack?.stop();
    await rm(folder, { recursive: true });
  });

  const { run, runWhile } = makePrograms(() => ({
    ...{ NATS_URL: stack.natsUrl, PYTHONDONTWRITEBYTECODE: "1" },
    ...foreign,
  }));

  /** Of a task that completes, or of one that has no time to. */
  async function ended(as: "completed" | "failed"): Promise<string> {
    const client = makeClient({ url: stack.url, apiKey: stack.key });
    const limit = as === "failed" ? { timeout_ms: 1 } : {};
    const { task_id } = await client.generate({ prompt: "hi", ...limit });
    await eventually(async () => (await client.status(task_id)).status === as);
    return task_id;
  }

  const linesOf = (printed: string) => printed.split("\n").filter(Boolean);
  /** Whether these tasks, and none other since, are what a program's lines end with. */
  const tellsOf = (printed: string, ids: readonly string[]) =>
    assert.deepEqual(
      linesOf(printed)
        .filter((line) => line !== "listening")
        .map((line) => ids.findIndex((id) => line.includes(id))),
      ids.map((_, i) => i),
    );

  /** Hears each failure once, and nothing else, though it is away while one happens. */
  async function hearsFailures(program: Command, ready: string) {
    const [first, second] = [await ended("failed"), await ended("completed")];
    const seen = (id: string) => (printed: () => string) =>
      eventually(() => printed().includes(id)).then(() => undefined);
    await runWhile(program, ready, seen(first));
    const missed = await ended("failed");
    await runWhile(program, ready, async (printed) => {
      await seen(missed)(printed);
      const live = await ended("failed");
      await seen(live)(printed);
      tellsOf(printed(), [missed, live]);
      assert.ok(!printed().includes(second));
    });
  }

  test("durable.ts hears each failure of a model, also those that it was away for", () =>
    hearsFailures(
      node("examples/subscribe/durable.ts", "alarms-ts", "demo"),
      "listening\n",
    ));

  test("durable.ts hears nothing of another model", async () => {
    const other = node("examples/subscribe/durable.ts", "other", "another");
    const all = node("examples/subscribe/durable.ts", "all");
    await runWhile(other, "listening\n", async (printedByOther) => {
      const failure = await ended("failed");
      await runWhile(all, "listening\n", async (printed) => {
        await eventually(() => printed().includes(failure));
      });
      assert.equal(printedByOther(), "listening\n");
    });
  });

  test("replay.ts reads the log from a time on, up to its end", async () => {
    await ended("completed");
    const whole = linesOf(await run(...node("examples/subscribe/replay.ts")));
    const sequences = whole.map((line) => Number(line.split(" ")[0]));
    assert.deepEqual(
      sequences,
      sequences.map((_, i) => i + 1),
    );
    const [, time = "", type] = whole.at(-1)?.split(" ") ?? [];
    assert.equal(type, "jetscribe.GenerateCompleted.v1");
    const since = (at: string) => run(...node("examples/subscribe/replay.ts", at)); // prettier-ignore
    const last = linesOf(await since(time));
    assert.ok(last.length < whole.length);
    assert.deepEqual(last, whole.slice(-last.length));
    assert.equal(await since("2100-01-01T00:00:00Z"), "");
  });

  test("sqlite.ts folds each event exactly once, though it is killed", async () => {
    const file = join(folder, "tasks.db");
    const program = node("examples/subscribe/sqlite.ts", file);
    const folded = (id: string) => (printed: () => string) =>
      eventually(() =>
        new RegExp(`${id} (completed|failed)`).test(printed()),
      ).then(() => undefined);
    const first = await ended("completed");
    await runWhile(program, "listening\n", folded(first), "SIGKILL");
    const second = await ended("failed");
    await runWhile(program, "listening\n", async (printed) => {
      await folded(second)(printed);
      assert.ok(!printed().includes(first));
    });
    const database = new DatabaseSync(file, { readOnly: true });
    const statusOf = database.prepare("SELECT status, state FROM tasks WHERE task_id = ?"); // prettier-ignore
    assert.equal(statusOf.get(first)?.["status"], "completed");
    assert.equal(statusOf.get(second)?.["status"], "failed");
    const [{ seq } = {}] = database.prepare("SELECT seq FROM checkpoint").all();
    database.close();
    const whole = linesOf(await run(...node("examples/subscribe/replay.ts")));
    assert.equal(seq, whole.length);
  });

  test.skipIf(!hasPython)("subscribe.py is Python", async () => {
    const check = "import ast, sys; ast.parse(open(sys.argv[1]).read())";
    await run("python3", "-c", check, "examples/subscribe/subscribe.py");
  });

  describe("subscribe.py", () => {
    beforeAll(async () => {
      foreign = await findNatsPy();
    }, bringMs);
    beforeEach(({ skip }) => skip(foreign === undefined, "no nats-py"));

    test("tells of what is stored", async () => {
      await runWhile(python("live"), "listening\n", async (printed) => {
        const id = await ended("completed");
        await eventually(() =>
          printed().includes(
            `llm.stored.completed.demo.interactive.default ${id}`,
          ),
        );
      });
    });

    test("hears each failure of a model, also those that it was away for", () =>
      hearsFailures(python("failures", "alarms-py", "demo"), "listening\n"));

    test("reads the log from a time on", async () => {
      await ended("completed");
      const replay = (...since: string[]) => run(...python("replay", ...since));
      const whole = linesOf(await replay());
      const ofNode = linesOf(
        await run(...node("examples/subscribe/replay.ts")),
      );
      assert.deepEqual(
        whole,
        ofNode.map((line) => line.replace(/ \S+ /, " ")),
      );
      assert.equal(await replay("2100-01-01T00:00:00Z"), "");
    });
  });

  describe("subscribe.c", () => {
    let compiled: string;
    beforeAll(async () => {
      compiled = join(folder, "subscribe");
      foreign = await compileWithNats(cProgram, compiled);
    }, bringMs);
    beforeEach(({ skip }) => skip(foreign === undefined, "no C client"));

    test("goes on where it stopped", async () => {
      const ids = [await ended("failed"), await ended("failed")];
      const of = "llm.events.failed.demo.*.*";
      const take = (name: string, count: number) =>
        run(compiled, stack.natsUrl, name, of, String(count));
      const { length } = linesOf(await run(...node("examples/subscribe/replay.ts"))).filter((line) => line.includes("Failed")); // prettier-ignore
      await take("in-c", length - 2);
      tellsOf(await take("in-c", 1), ids.slice(0, 1));
      tellsOf(await take("in-c", 1), ids.slice(1));
    });
  });
});
