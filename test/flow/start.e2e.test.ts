/** `npm start` itself: kill -9 of everything, and a second start. */
import {
  connectBroker,
  type Broker,
} from "@jetscribe/event-log/broker/connection";
import { streams } from "@jetscribe/schema";
import { eventually, freePort } from "@jetscribe/testing";
import assert from "node:assert/strict";
import type { ChildProcess } from "node:child_process";
import { once } from "node:events";
import { mkdtemp, readdir, rename, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { test } from "vitest";
import {
  call,
  lineCounts,
  outcome,
  outcomes,
  post,
  postMany,
} from "./client.ts";
import { readRunning } from "../../scripts/system/dataDir.ts";
import { npmStart, operatorOf, pidOf, treeOf } from "./npmStart.ts";

const key = "a-key-for-the-test";

/** Kills a whole tree as a power cut would. */
async function killTree(child: ChildProcess): Promise<number[]> {
  assert.ok(child.pid);
  const pids = await treeOf(child.pid);
  for (const pid of pids)
    try {
      process.kill(pid, "SIGKILL");
    } catch {
      // It went with its parent.
    }
  return pids;
}

const isAlive = (pid: number) => {
  try {
    return process.kill(pid, 0);
  } catch {
    return false;
  }
};

test("kill -9 of everything with 40 tasks queued: the next start completes them all", async (t) => {
  const dir = await mkdtemp(join(tmpdir(), "jetscribe-start-"));
  const port = await freePort();
  const logDir = join(dir, "logs");
  const env = {
    PORT: String(port),
    DATA_DIR: join(dir, "data"),
    LOG_DIR: logDir,
    API_KEYS: `default:${key}`,
    NATS_URL: "",
    REDIS_URL: "",
    ACK_WAIT: "5s",
  };
  const running = { url: `http://127.0.0.1:${port}`, key };
  let current = npmStart(env);
  t.onTestFinished(async () => {
    await killTree(current.child);
    await rm(dir, { recursive: true, force: true, maxRetries: 5 });
  });
  const healthy = () =>
    eventually(async () => {
      assert.equal(current.child.exitCode, null);
      return (await fetch(`${running.url}/health`)).ok;
    });

  await healthy();
  const ids = await postMany(running, 40, { max_tokens: 64 });
  const killed = await killTree(current.child);
  assert.ok(killed.length >= 8, `only ${killed.length} processes`);
  await eventually(() => !killed.some(isAlive));

  current = npmStart(env);
  await healthy();
  const results = await outcomes(running, ids);
  assert.ok(results.every(({ status }) => status === "completed"));
  const counts = await lineCounts(logDir, ids);
  assert.deepEqual(new Set(counts), new Set([1]));

  // A single service comes back by itself.
  const gateway = await pidOf(current.child, "services/gateway/src/main.ts");
  process.kill(gateway, "SIGKILL");
  await eventually(() => !isAlive(gateway));
  await healthy();
  await outcomes(running, await postMany(running, 2));

  // SIGTERM drains, and leaves nothing behind.
  const all = await treeOf(current.child.pid);
  current.child.kill("SIGTERM");
  const [code] = (await once(current.child, "exit")) as [number];
  assert.equal(code, 0);
  assert.deepEqual(all.filter(isAlive), []);
  assert.ok((await readdir(env.DATA_DIR)).length > 0);
});

test("an EVENTS of an earlier version is moved into its account and changed by the next start, and keeps what it has", async (t) => {
  const dir = await mkdtemp(join(tmpdir(), "jetscribe-start-"));
  const dataDir = join(dir, "data");
  const port = await freePort();
  const running = { url: `http://127.0.0.1:${port}`, key };
  const env = {
    ...{ PORT: String(port), DATA_DIR: dataDir, LOG_DIR: join(dir, "logs") },
    ...{ API_KEYS: `default:${key}`, NATS_URL: "", REDIS_URL: "" },
    ENGINE: "fake",
  };
  let current = npmStart(env);
  t.onTestFinished(async () => {
    await killTree(current.child);
    await rm(dir, { recursive: true, force: true, maxRetries: 5 });
  });
  const healthy = () =>
    eventually(async () => {
      assert.equal(current.child.exitCode, null);
      return (await fetch(`${running.url}/health`)).ok;
    });
  async function withEvents<T>(
    then: (api: Broker["jsm"]["streams"]) => Promise<T>,
  ) {
    await eventually(() => readRunning(dataDir));
    const place = operatorOf(dataDir);
    await using broker = await connectBroker({ ...place, name: "test" });
    return await then(broker.jsm.streams);
  }
  const config = async () =>
    (await withEvents((api) => api.info(streams.events))).config;
  const firstEvent = async () =>
    (await withEvents((api) => api.getMessage(streams.events, { seq: 1 })))
      ?.data;

  await healthy();
  await eventually(() => config());
  const made = await config();
  const id = await post(running);
  const first = await firstEvent();
  assert.ok(first);
  await withEvents((api) =>
    api.update(streams.events, {
      ...{ max_bytes: 2 ** 30, max_age: 86_400_000_000_000 },
      discard: "old",
    }),
  );
  // A stream that is lost, or that an earlier version did not have, is made at the next start.
  await withEvents((api) => api.delete(streams.webhooks));
  const pids = await killTree(current.child);
  await eventually(() => !pids.some(isAlive));
  // It had no accounts either.
  const accounts = join(dataDir, "nats/jetstream");
  await rename(join(accounts, "JETSCRIBE"), join(accounts, "$G"));
  await rm(join(dataDir, "credentials"), { recursive: true });

  current = npmStart(env);
  await healthy();
  await eventually(async () => (await config()).discard === "new");
  assert.deepEqual(await config(), made);
  assert.deepEqual(await firstEvent(), first);
  assert.equal((await outcome(running, id))["status"], "completed");
  assert.ok(await withEvents((api) => api.info(streams.webhooks)));
});

test("two models with two workers each: a request names its model", async (t) => {
  const dir = await mkdtemp(join(tmpdir(), "jetscribe-start-"));
  const port = await freePort();
  const running = { url: `http://127.0.0.1:${port}`, key };
  const { child } = npmStart(
    {
      PORT: String(port),
      DATA_DIR: join(dir, "data"),
      LOG_DIR: join(dir, "logs"),
      API_KEYS: `default:${key}`,
      ...{ NATS_URL: "", REDIS_URL: "", ENGINE: "fake" },
    },
    {
      args: [
        ...["--workers=2", "--model", "Small=small.gguf"],
        ...["--model", "large=l.gguf"],
      ],
    },
  );
  t.onTestFinished(async () => {
    await killTree(child);
    await rm(dir, { recursive: true, force: true, maxRetries: 5 });
  });
  const models = async () => {
    assert.equal(child.exitCode, null);
    const { body } = await call(running, "/health");
    const workers = body["workers"] as { model: string; slots: number }[];
    return workers.filter(({ slots }) => slots > 0).map(({ model }) => model);
  };
  const four = async () => (await models()).length === 4;
  await eventually(four);
  assert.deepEqual((await models()).sort(), [
    ...["Small", "Small", "large", "large"],
  ]);

  const modelOf = async (fields: object) =>
    (await outcome(running, await post(running, { ...fields })))["model"];
  assert.equal(await modelOf({}), "Small");
  assert.equal(await modelOf({ model: "small" }), "Small");
  assert.equal(await modelOf({ model: "large" }), "large");
  const { status, body } = await eventually(async () => {
    const answer = await call(running, "/generate", {
      method: "POST",
      body: JSON.stringify({ prompt: "Hi", model: "medium" }),
    });
    return answer.status !== 503 && answer;
  });
  assert.equal(status, 400);
  assert.match(JSON.stringify(body["errors"]), /there are: Small, large"/);

  const all = await treeOf(child.pid);
  child.kill("SIGTERM");
  const [code] = (await once(child, "exit")) as [number];
  assert.equal(code, 0);
  assert.deepEqual(all.filter(isAlive), []);
});

test("a start that is not all well says so by name, and works: LOG_DIR is a file, the model's name is Chinese, a proxy is set", async (t) => {
  const dir = await mkdtemp(join(tmpdir(), "jetscribe-start-"));
  const port = await freePort();
  const logDir = join(dir, "logs");
  await writeFile(logDir, "");
  const running = { url: `http://127.0.0.1:${port}`, key };
  const { child, output } = npmStart({
    ...{ PORT: String(port), DATA_DIR: join(dir, "data"), LOG_DIR: logDir },
    ...{ API_KEYS: `default:${key}`, NATS_URL: "", REDIS_URL: "" },
    ...{ ENGINE: "fake", MODEL_NAME: "模型" },
    ...{ NODE_USE_ENV_PROXY: "1", HTTP_PROXY: "http://127.0.0.1:9" },
  });
  t.onTestFinished(async () => {
    await killTree(child);
    await rm(dir, { recursive: true, force: true, maxRetries: 5 });
  });
  await eventually(() => {
    assert.equal(child.exitCode, null);
    return output().includes("Try it:");
  });
  const block = output().slice(output().indexOf("Jetscribe is running"));
  assert.match(block, /^Jetscribe is running, but degraded/);
  assert.match(block, /logger: LOG_DIR can't be written: /);
  const { status, body } = await call(running, "/health");
  assert.deepEqual([status, body["status"]], [200, "degraded"]);
  const ended = await outcome(running, await post(running));
  assert.deepEqual([ended["status"], ended["model"]], ["completed", "模型"]);
  assert.ok(!output().includes("ended with code"));

  await rm(logDir);
  await eventually(() => output().includes("Jetscribe is healthy now"));
});
