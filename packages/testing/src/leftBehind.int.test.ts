import assert from "node:assert/strict";
import { spawn } from "node:child_process";
import { once } from "node:events";
import { existsSync, mkdtempSync, readFileSync } from "node:fs";
import { createServer } from "node:net";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { test } from "vitest";
import { eventually } from "./eventually.ts";
import { watchLeftovers } from "./leftBehind.ts";

const graceMs = 200;

test("what is put away in time is not left behind", async () => {
  const { TMPDIR } = process.env;
  const watch = watchLeftovers();
  const folder = tmpdir();
  setTimeout(() => undefined, graceMs / 4);
  assert.deepEqual(await watch.leftBehind(), []);
  assert.ok(!existsSync(folder));
  assert.equal(process.env["TMPDIR"], TMPDIR);
});

/** The runner's own, of the test before. */
const noTimers = () =>
  eventually(() => !process.getActiveResourcesInfo().includes("Timeout"));

test("a timer and a socket are named", async () => {
  await noTimers();
  const watch = watchLeftovers();
  const server = createServer().listen(0, "127.0.0.1");
  await once(server, "listening");
  const timer = setInterval(() => undefined, 60_000);
  assert.deepEqual((await watch.leftBehind(graceMs)).toSorted(), [
    "1 × TCPServerWrap",
    "1 × Timeout",
  ]);
  clearInterval(timer);
  server.close();
});

test("a file is named, and removed", async () => {
  const watch = watchLeftovers();
  const folder = mkdtempSync(join(tmpdir(), "some-"));
  assert.deepEqual(await watch.leftBehind(graceMs), [`file ${folder}`]);
  assert.ok(!existsSync(folder));
});

test.skipIf(process.platform !== "linux")(
  "a process is named and ended, though its parent is gone",
  async () => {
    const watch = watchLeftovers();
    const parent = spawn("sh", ["-c", "sleep 1000 & echo $!"], {
      stdio: ["ignore", "pipe", "ignore"],
    });
    const [said] = (await once(parent.stdout, "data")) as [Buffer];
    const pid = Number(said);
    parent.stdout.destroy();
    if (parent.exitCode === null) await once(parent, "exit");
    const command = `/proc/${pid}/cmdline`; // the shell's own at first
    await eventually(() => readFileSync(command, "utf8").startsWith("sleep"));
    assert.deepEqual(await watch.leftBehind(graceMs), [
      `process ${pid}: sleep 1000`,
    ]);
    await eventually(() => !existsSync(`/proc/${pid}/exe`));
  },
);
