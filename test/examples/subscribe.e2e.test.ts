/** The programs of docs/subscribe.md, in three languages, against a whole system. */
import { makeClient } from "@jetscribe/client";
import {
  connectBroker,
  type Broker,
} from "@jetscribe/event-log/broker/connection";
import {
  makeDurable,
  placeOf,
} from "@jetscribe/event-log/subscribers/subscriberDurable";
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
import { makeTestSubscriber, type TestSubscriber } from "./testSubscriber.ts";

const cProgram = "examples/subscribe/subscribe.c";
const hasPython = spawnSync("python3", ["--version"]).status === 0;

const failuresOf = (name: string, model = "demo") => ({
  ...{ name, model },
  types: ["failed" as const],
});

describe("a subscriber", () => {
  let stack: Stack;
  let folder: string;
  /** The operator's. */
  let broker: Broker;
  const subscribers = new Map<string, TestSubscriber>();
  /** Variables of the client of NATS in another language, in the tests of its program. */
  let foreign: NodeJS.ProcessEnv | undefined;
  beforeAll(async () => {
    folder = await mkdtemp(join(tmpdir(), "jetscribe-subscribe-"));
    for (const wanted of [
      ...["alarms", "in-python", "in-c"].map((name) => failuresOf(name)),
      failuresOf("other", "another"),
      ...["live", "every", "replay", "python-replay", "tasks"].map((name) => ({
        name,
      })),
    ])
      subscribers.set(wanted.name, await makeTestSubscriber(folder, wanted));
    const all = [...subscribers.values()].map(({ subscriber }) => subscriber);
    stack = await startStack({
      ...{ env: { ENGINE: "fake", FAKE_MS: "200" }, subscribers: all },
    });
    broker = await connectBroker({ url: stack.natsUrl, name: "test" });
    for (const one of all) await makeDurable(broker, one);
  });
  afterAll(async () => {
    await broker?.[Symbol.asyncDispose]();
    await stack?.stop();
    await rm(folder, { recursive: true });
  });

  /** Programs with the credentials of a subscriber. */
  const programsOf = (name: string) =>
    makePrograms(() => ({
      ...{ NATS_URL: stack.nats.url, PYTHONDONTWRITEBYTECODE: "1" },
      ...{ ...subscribers.get(name)?.env, ...foreign },
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
  const seen = (text: string) => (printed: () => string) =>
    eventually(() => printed().includes(text)).then(() => undefined);
  /** Whether these tasks, and none other since, are what a program's lines end with. */
  const tellsOf = (printed: string, ids: readonly string[]) =>
    assert.deepEqual(
      linesOf(printed)
        .filter((line) => line !== "listening")
        .map((line) => ids.findIndex((id) => line.includes(id))),
      ids.map((_, i) => i),
    );

  /** Hears each failure once, and nothing else, though it is away while one happens. */
  async function hearsFailures(name: string, program: Command) {
    const { runWhile } = programsOf(name);
    const [first, second] = [await ended("failed"), await ended("completed")];
    await runWhile(program, "listening\n", seen(first));
    const missed = await ended("failed");
    await runWhile(program, "listening\n", async (printed) => {
      await seen(missed)(printed);
      const live = await ended("failed");
      await seen(live)(printed);
      tellsOf(printed(), [missed, live]);
      assert.ok(!printed().includes(second));
    });
  }

  /** Reads the log from its first event up to its end, and at the next start what is new. */
  async function replays(
    name: string,
    program: Command,
  ): Promise<readonly string[]> {
    await ended("completed");
    const { run } = programsOf(name);
    const whole = linesOf(await run(...program));
    const sequencesOf = (lines: readonly string[]) =>
      lines.map((line) => Number(line.split(" ")[0]));
    const all = sequencesOf(whole);
    assert.deepEqual(all, all.map((_, i) => i + 1)); // prettier-ignore
    assert.ok(whole.at(-1)?.endsWith(" jetscribe.GenerateCompleted.v1"));
    assert.equal(await run(...program), "");
    await ended("completed");
    const more = sequencesOf(linesOf(await run(...program)));
    assert.equal(more[0], all.length + 1);
    return whole;
  }

  test("subscribe.ts tells each event of a task as it is stored", () =>
    programsOf("live").runWhile(
      node("examples/subscribe.ts"),
      "listening\n",
      async (printed) => {
        const id = await ended("completed");
        await seen(`completed demo default ${id}`)(printed);
        assert.deepEqual(
          linesOf(printed()).filter((line) => line.endsWith(id)),
          ["requested", "started", "completed"].map(
            (type) => `${type} demo default ${id}`,
          ),
        );
      },
    ));

  test("durable.ts hears each failure of a model, also those that it was away for", () =>
    hearsFailures("alarms", node("examples/subscribe/durable.ts", "alarms")));

  test("durable.ts tells every event that its subscriber gets", () =>
    programsOf("every").runWhile(
      node("examples/subscribe/durable.ts", "every"),
      "listening\n",
      async (printed) => {
        const id = await ended("completed");
        await seen(`GenerateCompleted ${id}`)(printed);
        assert.deepEqual(
          linesOf(printed())
            .filter((line) => line.includes(id))
            .map((line) => line.split(" ")[1]),
          ["GenerateRequested", "GenerateStarted", "GenerateCompleted"],
        );
      },
    ));

  test("durable.ts hears nothing of another model", async () => {
    const [other, alarms] = ["other", "alarms"].map((name) =>
      node("examples/subscribe/durable.ts", name),
    ) as [Command, Command];
    const hears = programsOf("other").runWhile;
    await hears(other, "listening\n", async (printedByOther) => {
      const failure = await ended("failed");
      const { runWhile } = programsOf("alarms");
      await runWhile(alarms, "listening\n", seen(failure));
      assert.equal(printedByOther(), "listening\n");
    });
  });

  test("replay.ts reads the log up to its end, and later what is new", async () => {
    await replays("replay", node("examples/subscribe/replay.ts", "replay"));
  });

  test("sqlite.ts folds each event exactly once, though it is killed", async () => {
    const file = join(folder, "tasks.db");
    const program = node("examples/subscribe/sqlite.ts", "tasks", file);
    const { runWhile } = programsOf("tasks");
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
    const [{ seq } = {}] = database
      .prepare("SELECT max(seq) AS seq FROM read")
      .all();
    database.close();
    const { state } = await broker.jsm.streams.info(broker.streams.events);
    assert.equal(seq, state.last_seq);
  });

  test.skipIf(!hasPython)("subscribe.py is Python", async () => {
    const check = "import ast, sys; ast.parse(open(sys.argv[1]).read())";
    const file = "examples/subscribe/subscribe.py";
    await programsOf("in-python").run("python3", "-c", check, file);
  });

  describe("subscribe.py", () => {
    beforeAll(async () => {
      foreign = await findNatsPy();
    }, bringMs);
    beforeEach(({ skip }) => skip(foreign === undefined, "no nats-py"));

    test("tells of what is stored", () =>
      programsOf("live").runWhile(
        python("live"),
        "listening\n",
        async (printed) => seen(await ended("completed"))(printed),
      ));

    test("hears each failure of a model, also those that it was away for", () =>
      hearsFailures("in-python", python("failures", "in-python")));

    test("reads the log up to its end, and later what is new", async () => {
      await replays("python-replay", python("replay", "python-replay"));
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
      const { subscriber, env } = subscribers.get("in-c") as TestSubscriber;
      const credentials = [subscriber.publicKey, env.NATS_NKEY_FILE];
      const { run } = programsOf("in-c");
      const take = (count: number) =>
        run(compiled, stack.nats.url, "in-c", ...credentials, String(count));
      const { pending = 0 } = (await placeOf(broker, "in-c")) ?? {};
      if (pending > 2) await take(pending - 2);
      tellsOf(await take(1), ids.slice(0, 1));
      tellsOf(await take(1), ids.slice(1));
    });
  });
});
