import { eventually } from "@jetscribe/testing";
import assert from "node:assert/strict";
import { spawn } from "node:child_process";
import { once } from "node:events";
import { copyFile, readdir, readFile, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { createInterface } from "node:readline";
import { describe, test } from "vitest";
import { EngineDied } from "../engine.ts";
import { ask, demoModel, openEngine } from "../../../test/engineTestKit.ts";

const prompt = "a prompt";
/** Longer than any test. */
const endless = { fakeMs: 600_000, fakeTokens: 60_000 };

/** The environment in which a child runs this code before its own. */
const running = (code: string) => ({
  NODE_OPTIONS: `--import=data:text/javascript,${encodeURIComponent(code)}`,
});

/** A generation that has begun. */
async function begin(engine: Parameters<typeof ask>[0]) {
  const first = Promise.withResolvers<string>();
  const end = ask(engine, {
    prompt,
    params: { max_tokens: 32_768 },
    onText: first.resolve,
  });
  // Whoever wants its end awaits it later.
  end.catch(() => undefined);
  await Promise.race([first.promise, end]);
  return { end };
}

const isRunning = async (pid: number): Promise<boolean> => {
  try {
    process.kill(pid, 0);
  } catch {
    return false;
  }
  if (process.platform !== "linux") return true;
  // Ended, but not yet collected by anybody.
  const stat = await readFile(`/proc/${pid}/stat`, "utf8").catch(() => ") Z");
  return !stat.includes(") Z");
};

describe("the engine's process", () => {
  test("fails what runs when it dies, and is ready again", async () => {
    await using engine = await openEngine(endless);
    const states: string[] = [];
    engine.onChange(() => states.push(engine.state().status));
    await engine.whenReady();
    const first = engine.pid();
    assert.equal(engine.restarts(), 0);
    const all = await Promise.all([1, 2, 3].map(() => begin(engine)));
    engine.kill("SIGKILL");
    for (const { end } of all)
      await assert.rejects(
        end,
        (error) =>
          error instanceof EngineDied &&
          error.death.signal === "SIGKILL" &&
          error.death.reason === "crash",
      );
    await assert.rejects(ask(engine, { prompt }), EngineDied);
    await engine.whenReady();
    assert.notEqual(engine.pid(), first);
    assert.equal(engine.restarts(), 1);
    assert.deepEqual(states, ["ready", "starting", "ready"]);
    await begin(engine);
  });

  test.runIf(process.platform === "linux")(
    "has no credential of the worker in its environment",
    async () => {
      const secrets = { NATS_URL: "nats://a:SECRET@b", API_KEYS: "a:SECRET" };
      const env = { ...secrets, CUDA_VISIBLE_DEVICES: "0" };
      await using engine = await openEngine(endless, { env });
      await engine.whenReady();
      const has = await readFile(`/proc/${engine.pid()}/environ`, "utf8");
      assert.match(has, /CUDA_VISIBLE_DEVICES=0/);
      assert.doesNotMatch(has, /SECRET/);
    },
  );

  test("tells the last 20 lines of stderr of a process that died", async () => {
    const env = running("for (let i = 0; i < 30; i++) console.error('n' + i)");
    await using engine = await openEngine(endless, { env });
    await engine.whenReady();
    const { end } = await begin(engine);
    engine.kill();
    const lines = Array.from({ length: 20 }, (_, i) => `n${i + 10}`);
    await assert.rejects(
      end,
      (error) =>
        error instanceof EngineDied &&
        error.death.stderrTail === lines.join("\n"),
    );
  });

  test("leaves SIGTERM and SIGINT to the worker", async () => {
    await using engine = await openEngine({ fakeMs: 500 });
    await engine.whenReady();
    const { end } = await begin(engine);
    engine.kill("SIGTERM");
    engine.kill("SIGINT");
    assert.equal((await end).finishReason, "stop");
  });

  test("is ended when it is silent, and that is a hang", async () => {
    await using engine = await openEngine(endless, { hangTimeoutMs: 10_000 });
    await engine.whenReady();
    const { end } = await begin(engine);
    engine.kill("SIGSTOP");
    await assert.rejects(
      end,
      (error) => error instanceof EngineDied && error.death.reason === "hang",
    );
    await engine.whenReady();
    await begin(engine);
  });

  test("lives as long as it is heard, whatever a generation does", async () => {
    await using engine = await openEngine(
      { fakeMs: 13_000, fakeTokens: 1 },
      { hangTimeoutMs: 10_000 },
    );
    await engine.whenReady();
    const { finishReason } = await ask(engine, { prompt });
    assert.equal(finishReason, "stop");
  });

  test("is ended when it makes no progress towards being ready", async () => {
    const env = running("process.kill(process.pid, 'SIGSTOP')");
    await using engine = await openEngine({}, { env, startTimeoutMs: 1_000 });
    const error = await eventually(() => {
      const state = engine.state();
      return state.status === "failed" && state.error;
    });
    assert.deepEqual(error, {
      type: "ModelLoadError",
      message: "the engine's process was ended: it makes no progress for 1 s",
    });
  });

  test("waits longer after each start that fails", async () => {
    const env = running("process.exit(3)");
    const backoff = { firstMs: 10, maxMs: 50 };
    await using engine = await openEngine({}, { env, backoff });
    const errors = await eventually(
      () => engine.errors.length >= 5 && engine.errors,
    );
    assert.deepEqual(
      errors.slice(0, 5).map(({ retryInMs }) => retryInMs),
      [10, 20, 40, 50, 50],
    );
    const message = "the engine's process ended: exit code 3";
    const error = { type: "ModelLoadError", message };
    assert.deepEqual(engine.state(), { status: "failed", error });
  });

  test("says which file it lacks, and is ready once it is there", async () => {
    const backoff = { firstMs: 200, maxMs: 600_000 };
    await using engine = await openEngine(
      (folder) => ({ engine: "llama", model: join(folder, "late.gguf") }),
      { backoff },
    );
    const file = join(engine.folder, "late.gguf");
    const waits = () => engine.errors.map(({ retryInMs }) => retryInMs);
    await eventually(() => waits().includes(400));
    assert.deepEqual(engine.state(), {
      status: "failed",
      error: {
        type: "ModelLoadError",
        message: `the model file ${file} does not exist`,
      },
    });

    await writeFile(file, "no model");
    const error = await eventually(() => {
      const state = engine.state();
      return (
        state.status === "failed" &&
        /late\.gguf could not be loaded: ./.test(state.error.message) &&
        state.error
      );
    });
    assert.equal(error.type, "ModelLoadError");
    await eventually(() => waits().lastIndexOf(200) > 0);

    await copyFile(demoModel, file);
    await engine.whenReady();
    const { text } = await ask(engine, { prompt: "Hello" });
    assert.notEqual(text, "");
  });

  test.skipIf(process.platform !== "linux")(
    "stays on its cores, with all of its threads",
    async () => {
      await using engine = await openEngine({ ...endless, cpus: "0" });
      await engine.whenReady();
      await begin(engine);
      const tasks = `/proc/${engine.pid()}/task`;
      for (const thread of await readdir(tasks))
        assert.match(
          await readFile(join(tasks, thread, "status"), "utf8"),
          /^Cpus_allowed_list:\t0$/m,
        );
    },
  );

  test.skipIf(process.platform !== "linux")(
    "says that its cores are wrong, before it is started in vain",
    async () => {
      const wrong: string[] = [];
      await using engine = await openEngine(
        { ...endless, cpus: "1000" },
        { onWrongSetting: (...setting) => void wrong.push(...setting) },
      );
      assert.deepEqual(wrong.slice(0, 1), ["ENGINE_CPUS"]);
      assert.match(wrong[1] ?? "", /taskset: .*Invalid argument/);
      await eventually(() => engine.state().status === "failed");
    },
  );

  test("ends with its parent", async () => {
    const url = new URL("../../../test/engineTestKit.ts", import.meta.url);
    const code = `
      const { openEngine, ask } = await import(${JSON.stringify(url)});
      const engine = await openEngine(${JSON.stringify(endless)});
      process.getBuiltinModule("fs").rmdirSync(engine.folder);
      await engine.whenReady();
      await ask(engine, { prompt: "p", onText: () => console.log(engine.pid()) });`;
    const parent = spawn(
      process.execPath,
      ["--input-type=module", "-e", code],
      { stdio: ["ignore", "pipe", "inherit"] },
    );
    const [pid] = (await once(createInterface(parent.stdout), "line")).map(
      Number,
    );
    assert.ok(pid !== undefined);
    assert.equal(await isRunning(pid), true);
    parent.kill("SIGKILL");
    await eventually(async () => !(await isRunning(pid)));
  });

  test("is gone once closed, and fails whoever waits for it", async () => {
    await using engine = await openEngine(endless);
    await engine.whenReady();
    const pid = engine.pid();
    assert.ok(pid !== undefined);
    const { end } = await begin(engine);
    await engine.close();
    assert.equal(await isRunning(pid), false);
    assert.equal(engine.pid(), undefined);
    assert.equal(engine.state().status, "failed");
    await assert.rejects(end, EngineDied);
    await assert.rejects(engine.whenReady(), EngineDied);
    await assert.rejects(ask(engine, { prompt }), EngineDied);
  });

  test("stops waiting for it at an abort", async () => {
    await using engine = await openEngine({});
    const reason = new Error("no patience");
    const stop = new AbortController();
    const waiting = engine.whenReady(stop.signal);
    stop.abort(reason);
    await assert.rejects(waiting, reason);
    await assert.rejects(engine.whenReady(stop.signal), reason);
    await engine.whenReady();
  });
});
