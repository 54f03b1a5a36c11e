/** Who may change the streams: an operator, by a command that says what is lost; no service. */
import { connectBroker } from "@jetscribe/event-log/broker/connection";
import { makeAppender } from "@jetscribe/event-log/append/append";
import { limitOf } from "@jetscribe/event-log/streams/logLimit";
import { streamState } from "@jetscribe/event-log/broker/streamState";
import { queue, requestedBy } from "@jetscribe/event-log/test/eventLogTestKit";
import { streams } from "@jetscribe/schema";
import { eventually, startNats, startStack } from "@jetscribe/testing";
import assert from "node:assert/strict";
import { spawn } from "node:child_process";
import { once } from "node:events";
import { fileURLToPath } from "node:url";
import { test } from "vitest";
import { serviceProgram } from "../../scripts/system/services.ts";
import { makeSupervised } from "../../scripts/system/supervise.ts";
import { outcomes, postMany } from "./client.ts";

const MiB = 2 ** 20;
const program = fileURLToPath(
  new URL("../../packages/runtime/src/streams/main.ts", import.meta.url),
);

/** The operator's command, without a terminal. */
async function operate(args: string[], env: Record<string, string>) {
  const child = spawn(process.execPath, [program, ...args], {
    env: { ...process.env, ...env },
    stdio: ["ignore", "pipe", "pipe"],
  });
  let output = "";
  for (const stream of [child.stdout, child.stderr])
    stream.on("data", (chunk: Buffer) => (output += chunk.toString()));
  const [code] = (await once(child, "close")) as [number | null];
  return { code, output };
}

test("one more worker with other settings changes nothing on the streams, and says what differs", async () => {
  await using stack = await startStack({
    env: {
      ...{ ENGINE: "fake", FAKE_MS: "20", SLOTS: "64" },
      ...{ EVENTS_MAX_BYTES: String(16 * MiB), EVENTS_MAX_AGE: "365d" },
    },
  });
  await using broker = await connectBroker({
    ...{ url: stack.natsUrl, name: "test" },
  });
  const configs = () =>
    Promise.all(
      Object.values(streams).map(
        async (name) => (await broker.jsm.streams.info(name)).config,
      ),
    );
  const before = await configs();
  await stack.kill("inference", "SIGSTOP");
  const ids = await postMany(stack, 300, { max_tokens: 16 });

  const worker = makeSupervised(
    serviceProgram("inference", process.execPath, {
      ...process.env,
      ...{ NATS_URL: stack.natsUrl, REDIS_URL: stack.redisUrl },
      ...{ DATA_DIR: stack.dataDir, ENGINE: "fake", MODEL_NAME: "other" },
      ...{ EVENTS_MAX_BYTES: String(MiB / 8), TASK_TIMEOUT: "30s" },
      REPLICAS: "3",
    }),
    { restarts: false },
  );
  await using stopping = new AsyncDisposableStack();
  stopping.defer(async () => void (await worker.stop(10_000)));
  worker.start();
  await eventually(() => /"msg":"started"/.test(worker.output()));
  assert.deepEqual(await configs(), before);
  const warned = worker
    .output()
    .split("\n")
    .filter((line) => line.includes("npm run streams -- plan"));
  const fields = warned.map((line) => {
    const { stream, field } = JSON.parse(line) as Record<string, string>;
    return `${stream}.${field}`;
  });
  assert.deepEqual(fields.toSorted(), [
    "AUDIT.num_replicas",
    "EVENTS.max_bytes",
    "EVENTS.num_replicas",
    "IDEMPOTENCY.num_replicas",
    "KEYS.num_replicas",
    "LOGS.num_replicas",
    "TOKENS.max_age",
    "TOKENS.num_replicas",
    "WEBHOOKS.num_replicas",
  ]);

  await stack.kill("inference", "SIGCONT");
  for (const { status } of await outcomes(stack, ids))
    assert.equal(status, "completed");
});

test("the operator's command plans, changes nothing without a yes, and applies", async () => {
  await using nats = await startNats();
  const settings = { NATS_URL: nats.url, EVENTS_MAX_BYTES: String(8 * MiB) };
  assert.equal((await operate(["plan", "now"], settings)).code, 64);
  assert.equal((await operate(["plan"], { REPLICAS: "2" })).code, 78);
  const first = await operate(["plan"], settings);
  assert.deepEqual([first.code, first.output.split("\n").length], [2, 8]);
  assert.match(first.output, /^EVENTS: is missing/);
  assert.equal((await operate(["apply", "--yes"], settings)).code, 0);
  const again = await operate(["plan"], settings);
  assert.equal(again.code, 0);
  assert.match(again.output, /^EVENTS: as it should be/);

  const larger = { ...settings, EVENTS_MAX_BYTES: String(16 * MiB) };
  const unasked = await operate(["apply"], larger);
  assert.equal(unasked.code, 1);
  assert.match(unasked.output, /max_bytes: 10485760 bytes -> 20971520 bytes/);
  assert.match(unasked.output, /Nothing was changed/);
  await using broker = await connectBroker({ url: nats.url, name: "test" });
  const limit = async () =>
    limitOf((await streamState(broker, streams.events)).maxBytes);
  assert.equal(await limit(), 8 * MiB);
  assert.equal((await operate(["apply", "--yes"], larger)).code, 0);
  assert.equal(await limit(), 16 * MiB);
});

test("a refused change is said, and what else there is to do is done: as a failure by apply, as none by ensure", async () => {
  await using nats = await startNats();
  const settings = { NATS_URL: nats.url, EVENTS_MAX_BYTES: String(MiB) };
  assert.equal((await operate(["ensure"], settings)).code, 0);
  await using broker = await connectBroker({ url: nats.url, name: "test" });
  using appender = makeAppender(broker, "gateway");
  for (let i = 0; i < 4; i++) {
    const prompt = "x".repeat(30_000);
    await appender.append(requestedBy(queue, { prompt }), queue);
  }
  const lower = { ...settings, EVENTS_MAX_BYTES: "50000" };
  for (const [form, code] of [
    ["apply", 1],
    ["ensure", 0],
  ] as const) {
    await broker.jsm.streams.delete(streams.webhooks);
    const ran = await operate([form, "--yes"], lower);
    assert.equal(ran.code, code, ran.output);
    assert.match(ran.output, /WEBHOOKS: is missing, and is created/);
    assert.match(ran.output, /stream EVENTS: 4 unfinished requests/);
    assert.ok(await broker.jsm.streams.info(streams.webhooks));
  }
  await broker.jsm.streams.delete(streams.webhooks);
  const tooLarge = { ...lower, AUDIT_MAX_BYTES: "8000TB" };
  await broker.jsm.streams.delete(streams.audit);
  const failed = await operate(["ensure"], tooLarge);
  assert.equal(failed.code, 1, failed.output);
  assert.match(failed.output, /stream AUDIT: /);
  assert.ok(await broker.jsm.streams.info(streams.webhooks));
});
