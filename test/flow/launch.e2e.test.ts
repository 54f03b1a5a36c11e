/** `npm start` on an older Node: that one brings Node 24, which runs the system as its child. */
import { eventually, freePort } from "@jetscribe/testing";
import assert from "node:assert/strict";
import { spawn } from "node:child_process";
import { once } from "node:events";
import { existsSync } from "node:fs";
import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { test, type TestContext } from "vitest";
import { identityOf, isAlive } from "../../scripts/install/processes.mjs";
import { root } from "../../scripts/install/project.mjs";
import { readRunning } from "../../scripts/system/dataDir.ts";

/** The launcher, and the system that it has started. */
async function launch(t: TestContext) {
  const dir = await mkdtemp(join(tmpdir(), "jetscribe-launch-"));
  const dataDir = join(dir, "data");
  const program = join(root, "scripts/system/start.ts");
  const launcher = spawn(
    process.execPath,
    [join(root, "scripts/with-node.mjs"), program],
    {
      env: {
        ...process.env,
        npm_lifecycle_event: "", // npm is not watched
        PORT: String(await freePort()),
        DATA_DIR: dataDir,
        LOG_DIR: join(dir, "logs"),
        API_KEYS: "",
        NATS_URL: "",
        REDIS_URL: "",
        ENGINE: "fake",
      },
      stdio: ["ignore", "pipe", "inherit"],
    },
  );
  const ended = once(launcher, "exit") as Promise<[number | null]>;
  t.onTestFinished(() => void launcher.kill());
  launcher.stdout.resume();
  const running = () => {
    assert.equal(launcher.exitCode, null);
    return readRunning(dataDir);
  };
  const { pid } = await eventually(running);
  assert.notEqual(pid, launcher.pid);
  const system = { pid, identity: identityOf(pid) };
  t.onTestFinished(async () => {
    await ended;
    if (isAlive(system)) process.kill(system.pid, "SIGTERM");
    await eventually(() => !isAlive(system));
    await rm(dir, { recursive: true, force: true, maxRetries: 5 });
  });
  return { launcher, ended, system, dataDir };
}

test("the system ends in order when the launcher is told to", async (t) => {
  const { launcher, ended, system, dataDir } = await launch(t);
  launcher.kill("SIGTERM");
  const [code] = await ended;
  assert.equal(code, 0);
  assert.equal(isAlive(system), false);
  assert.equal(existsSync(join(dataDir, "running.json")), false);
});

test("so it does when the launcher is killed", async (t) => {
  const { launcher, system, dataDir } = await launch(t);
  launcher.kill("SIGKILL");
  await eventually(() => !isAlive(system));
  assert.equal(existsSync(join(dataDir, "running.json")), false);
});
