import assert from "node:assert/strict";
import { spawn } from "node:child_process";
import { once } from "node:events";
import { mkdtempSync, rmSync, statSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { test } from "vitest";
import { readJson } from "../install/readJson.mjs";
import { apiKey, endLeftovers, lockDataDir, noteProcesses } from "./dataDir.ts";

const inFolder = (fn: (dir: string) => void | Promise<void>) => async () => {
  const dir = mkdtempSync(join(tmpdir(), "jetscribe-test-"));
  try {
    await fn(dir);
  } finally {
    rmSync(dir, { recursive: true });
  }
};

const sleeper = () =>
  spawn(process.execPath, ["-e", "setInterval(() => {}, 1e6)"], {
    detached: true,
  });

test(
  "two cannot run on one DATA_DIR",
  inFolder((dir) => {
    const lock = lockDataDir(dir);
    assert.throws(
      () => lockDataDir(dir),
      new RegExp(`already runs on ${dir} \\(process ${process.pid}`),
    );
    lock.release();
    lockDataDir(dir).release();
  }),
);

test(
  "the lock of a dead process is taken over, also where its pid lives on as another",
  inFolder((dir) => {
    writeFileSync(
      join(dir, "lock"),
      JSON.stringify({ pid: process.pid, identity: "an earlier one" }),
    );
    lockDataDir(dir).release();
  }),
);

test(
  "leftovers are ended, but nobody who has their pid by now",
  inFolder(async (dir) => {
    const [left, other] = [sleeper(), sleeper()];
    try {
      const gone = once(left, "exit");
      const notes = noteProcesses(dir);
      notes.started("gateway", left.pid ?? 0, undefined);
      notes.started("inference", other.pid ?? 0, undefined);
      const file = join(dir, "pids.json");
      const noted = readJson<{ identity: string }[]>(file);
      assert.ok(noted?.[1]);
      noted[1].identity = "an earlier one";
      writeFileSync(file, JSON.stringify(noted));
      assert.deepEqual(await endLeftovers(dir), ["gateway"]);
      await gone;
      assert.equal(other.exitCode, null);
      assert.equal(other.signalCode, null);
      assert.deepEqual(await endLeftovers(dir), []);
    } finally {
      left.kill("SIGKILL");
      other.kill("SIGKILL");
    }
  }),
);

test(
  "the API key is made once, has its shape, and is for its owner only",
  inFolder((dir) => {
    const key = apiKey(dir);
    assert.match(key, /^jsk_[0-9a-f]{8}_[0-9a-f]{64}_[0-9a-f]{8}$/);
    assert.equal(apiKey(dir), key);
    assert.equal(statSync(join(dir, "api-key")).mode & 0o777, 0o600);
  }),
);
