/**
 * `npm start` on a disk that is full for a while: what can't be stored is refused, and when there is room again all goes
 * on by itself. The disk is a small file system of its own, which only the system under test sees.
 */
import { eventually, freePort } from "@jetscribe/testing";
import assert from "node:assert/strict";
import { spawnSync } from "node:child_process";
import { once } from "node:events";
import { mkdtemp, open, rm, statfs } from "node:fs/promises";
import { tmpdir } from "node:os";
import { dirname, join } from "node:path";
import { test, type TestContext } from "vitest";
import { readRunning } from "../../scripts/system/dataDir.ts";
import { natsVersions } from "../../scripts/install/servers.mjs";
import {
  call,
  lineCounts,
  outcome,
  outcomes,
  post,
  postMany,
} from "./client.ts";
import { countOf, histories } from "./log.ts";
import { npmStart, operatorOf, pidOf } from "./npmStart.ts";

const diskMiB = 200;
const mount = `mount -t tmpfs -o size=${diskMiB}m tmpfs "$0"`;
/** A mount that nobody else sees; where we aren't root, as the root of a name space of our own. */
const unshare = process.getuid?.() === 0 ? ["-m"] : ["-Urm"];

const canMount = () =>
  spawnSync("unshare", [...unshare, "sh", "-c", mount, tmpdir()]).status === 0;
const skip = !canMount() && "no file system can be mounted here";

/** The system on a disk of its own, its broker the first nats-server on PATH. */
async function startOnDisk(t: TestContext, natsServer: string) {
  const dir = await mkdtemp(join(tmpdir(), "jetscribe-disk-"));
  const port = await freePort();
  const key = "a-key-for-the-test";
  const env = {
    PATH: `${dirname(natsServer)}:${process.env["PATH"] ?? ""}`,
    PORT: String(port),
    DATA_DIR: join(dir, "data"),
    LOG_DIR: join(dir, "logs"),
    API_KEYS: `default:${key}`,
    EVENTS_MAX_BYTES: "100MiB",
    ...{ NATS_URL: "", REDIS_URL: "" },
    // Some of the tasks still run when the disk is full.
    ...{ ENGINE: "fake", FAKE_MS: "2000", SLOTS: "4", ACK_WAIT: "3s" },
  };
  const onDisk = ["sh", "-c", `${mount} && exec "$@"`, dir];
  const within = ["unshare", ...unshare, ...onDisk];
  const { child, output } = npmStart(env, { within });
  t.onTestFinished(async () => {
    if (child.exitCode === null && child.signalCode === null) {
      child.kill("SIGTERM");
      await once(child, "exit");
    }
    await rm(dir, { recursive: true });
  });
  // As the system sees it.
  const folder = `/proc/${child.pid}/root${dir}`;
  const dataDir = join(folder, "data");
  return {
    ...{ url: `http://127.0.0.1:${port}`, key, folder, dataDir },
    logDir: join(folder, "logs"),
    said: output,
    pidOf: (text: string) => pidOf(child, text),
  };
}

/** Takes all that is left of the disk; returns the way to give it back. */
async function fill(folder: string): Promise<() => Promise<void>> {
  const ballast = join(folder, "ballast");
  await using file = await open(ballast, "w");
  const piece = Buffer.alloc(2 ** 16);
  const { bavail, bsize } = await statfs(folder);
  for (let left = bavail * bsize; left > 0; left -= piece.length)
    await file.write(piece).catch(() => undefined); // The last ones find no room.
  return () => rm(ballast);
}

const generate = {
  method: "POST",
  body: JSON.stringify({ prompt: "x".repeat(20_000), max_tokens: 8 }),
};

const versions = await natsVersions();
const cases = [
  ...versions.map((server) => ({ ...server, freezes: false })),
  ...versions.slice(0, 1).map((server) => ({ ...server, freezes: true })),
];
for (const { version, binary, freezes } of cases)
  test(
    `a full disk of the broker (${version}${freezes ? ", which then doesn't even greet" : ""}): nothing is accepted; when there is room all goes on by itself`,
    { skip: Boolean(skip || (!binary && "the server runs in a container")) },
    async (t) => {
      const system = await startOnDisk(t, binary ?? "");
      const health = async () => (await call(system, "/health")).body;
      const healthy = () =>
        eventually(async () => (await health())["status"] === "healthy");
      const saysOnce = (words: string) =>
        assert.equal(system.said().split(words).length - 1, 1, words);
      await healthy();
      // The gateway is healthy before all of `npm start` is; that writes its last file when it is.
      await eventually(() => readRunning(system.dataDir));
      await outcome(system, await post(system));

      const accepted = await postMany(system, 40);
      const makeRoom = await fill(system.folder);
      // Nobody calls: the tasks under way are enough to notice it.
      await eventually(() => system.said().includes("Make room"));
      // What `npm start` writes of it finds no room either.
      const results = await system.pidOf("services/results/src/main.ts");
      process.kill(results, "SIGKILL");
      const refused = await eventually(async () => {
        const answer = await call(system, "/generate", generate);
        const { status, body } = answer;
        if (status === 202) accepted.push(String(body["task_id"]));
        else assert.equal(status, 503);
        return status === 503 && answer;
      });
      assert.ok(Number(refused.headers.get("retry-after")) > 0);
      const { task_id: doubtful } = refused.body;
      // Without an id the broker has answered with an error: 2.9.10 does where the last page of its file is exactly full.
      if (doubtful !== undefined)
        await eventually(async () => {
          const { nats, stores_nothing } = await health();
          return nats === false && String(stores_nothing).includes("disk");
        });
      if (freezes) {
        process.kill(await system.pidOf("nats-server"), "SIGSTOP");
        // No gateway is connected to it any more that could say why.
        await eventually(async () => !(await health())["stores_nothing"]);
      }

      await makeRoom();
      const roomAt = performance.now();
      await eventually(() => system.said().includes("The broker stores again"));
      const healedMs = Math.round(performance.now() - roomAt);
      void t.annotate(`stores again ${healedMs} ms after there was room`);
      for (const { status } of await outcomes(system, accepted))
        assert.equal(status, "completed");
      await healthy();
      saysOnce("The broker's disk is full");
      saysOnce("starting it again.");
      await outcome(system, await post(system));

      const log = await histories(operatorOf(system.dataDir));
      for (const id of accepted)
        assert.equal(countOf(log.get(id), "GenerateCompleted"), 1);
      assert.deepEqual(
        new Set(await lineCounts(system.logDir, accepted)),
        new Set([1]),
      );
      // Of the refused one nobody hears any more, or it was accepted after all, as its answer said it might be.
      const wasStored = typeof doubtful === "string" && log.has(doubtful);
      assert.equal(log.size, accepted.length + 2 + (wasStored ? 1 : 0));
      if (wasStored) await outcome(system, doubtful);
    },
  );
