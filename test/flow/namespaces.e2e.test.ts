/** Whole systems on one NATS account: side by side under two namespaces, and beside streams that are somebody else's. */
import { connectBroker } from "@jetscribe/event-log/broker/connection";
import { eventually, startNats, startStack } from "@jetscribe/testing";
import assert from "node:assert/strict";
import { spawn } from "node:child_process";
import { once } from "node:events";
import { readFile } from "node:fs/promises";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { test } from "vitest";
import { serviceNames } from "../../scripts/system/services.ts";
import { call, outcomes, post, postMany } from "./client.ts";
import { histories } from "./log.ts";
import { readStream, textOf } from "./sse.ts";

const root = fileURLToPath(new URL("../..", import.meta.url));
const streamsCommand = "packages/runtime/src/streams/main.ts";
const fake = { ENGINE: "fake", FAKE_MS: "20" };

/** Runs a program of the project to its end. */
async function run(
  [program = "", ...args]: string[],
  env: Record<string, string>,
) {
  const child = spawn(process.execPath, [program, ...args], {
    cwd: root,
    env: { ...process.env, ...env },
    stdio: ["ignore", "pipe", "pipe"],
    timeout: 120_000,
  });
  let output = "";
  for (const stream of [child.stdout, child.stderr])
    stream.on("data", (chunk: Buffer) => (output += chunk.toString()));
  const [code] = (await once(child, "close")) as [number | null];
  return { code, output };
}

/** All that looks at the broker's streams when it starts. */
const programs: string[][] = [
  ...serviceNames.map((name) => [`services/${name}/src/main.ts`]),
  [streamsCommand, "plan"],
  [streamsCommand, "apply", "--yes"],
];

test("two systems with two namespaces run side by side on one nats-server, and neither sees a task of the other", async () => {
  await using plain = await startStack({ env: fake, accounts: false });
  const { natsUrl } = plain;
  const env = { NATS_URL: natsUrl, NAMESPACE: "shop" };
  await using shop = await startStack({
    env: { ...fake, ...env },
    accounts: false,
  });
  const systems = [
    { stack: plain, namespace: undefined },
    { stack: shop, namespace: "shop" },
  ] as const;

  const all = await Promise.all(
    systems.map(async ({ stack }) => {
      const ids = await postMany(stack, 20);
      const streamed = await post(stack);
      const text = textOf(await Array.fromAsync(readStream(stack, streamed)));
      const [ended] = await outcomes(stack, [streamed]);
      assert.equal(text, ended?.["result"]);
      return [...ids, streamed];
    }),
  );
  for (const [i, { stack, namespace }] of systems.entries()) {
    const [own = [], others = []] = i === 0 ? all : all.toReversed();
    for (const { status } of await outcomes(stack, own))
      assert.equal(status, "completed");
    const events = await histories(natsUrl, namespace);
    assert.deepEqual([...events.keys()].sort(), own.toSorted());
    for (const id of others.slice(0, 3))
      assert.equal((await call(stack, `/result/${id}`)).status, 404);
    const { body } = await call(stack, "/health");
    const { workers } = body as { workers: unknown[] };
    assert.equal(workers.length, 1);
    const file = join(stack.logDir, "llm_requests.log");
    const idsInFile = async () =>
      [...(await readFile(file, "utf8")).matchAll(/task_id=(\S+)/g)].map(
        ([, id]) => id,
      );
    await eventually(async () => (await idsInFile()).length >= own.length);
    assert.deepEqual((await idsInFile()).sort(), own.toSorted());
  }

  // A worker of the one system leaves the work of the other one alone.
  await plain.kill("inference");
  const waiting = await post(plain);
  for (const { status } of await outcomes(shop, await postMany(shop, 20)))
    assert.equal(status, "completed");
  const { body } = await call(plain, `/result/${waiting}`);
  assert.equal(body["status"], "queued");
  await plain.restart("inference");
  const [{ status } = { status: "" }] = await outcomes(plain, [waiting]);
  assert.equal(status, "completed");

  const health = await run(["deploy/health.mjs", "inference"], env);
  assert.equal(health.code, 0, health.output);
});

test("on a broker where EVENTS is somebody else's every service and the streams command end with one sentence, and change nothing", async () => {
  await using nats = await startNats();
  const { url } = nats;
  await using broker = await connectBroker({ url, name: "test" });
  const { streams } = broker.jsm;
  await streams.add({ name: "EVENTS", subjects: ["orders.>"] });
  const { config } = await streams.info("EVENTS");
  const env = { ...fake, NATS_URL: url, API_KEYS: "default:a-key-of-the-test" };
  const sentence =
    /stream EVENTS belongs to another application \(its subjects are orders\.>, not llm\.events\.>\): set NAMESPACE to a name/;
  const ended = await Promise.all(programs.map((program) => run(program, env)));
  for (const [i, { code, output }] of ended.entries()) {
    assert.equal(code, 1, `${programs[i]?.join(" ")}: ${output}`);
    assert.match(output, sentence);
  }
  assert.deepEqual((await streams.info("EVENTS")).config, config);
  assert.deepEqual(await streams.names().next(), ["EVENTS"]);
});

test("a NAMESPACE that is no token of a subject is one line, and exit code 78", async () => {
  const env = {
    ...fake,
    NAMESPACE: "a.b",
    API_KEYS: "default:a-key-of-the-test",
  };
  const ended = await Promise.all(programs.map((program) => run(program, env)));
  for (const { code, output } of ended) {
    assert.equal(code, 78, output);
    const lines = output.split("\n").filter((line) => /NAMESPACE/.test(line));
    assert.deepEqual(lines, [
      "  NAMESPACE: expected 1 to 64 letters, digits, - or _, the first no digit",
    ]);
  }
});
