/** `npm run jetscribe` as its users type it: it finds the system that runs here. */
import { freePort, startNats } from "@jetscribe/testing";
import assert from "node:assert/strict";
import { execFile } from "node:child_process";
import { mkdtemp, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { expect, onTestFinished, test } from "vitest";
import own from "../package.json" with { type: "json" };

const root = join(import.meta.dirname, "../../..");

interface Ran {
  code: number;
  stdout: string;
  stderr: string;
}

async function dataDir(): Promise<string> {
  const dir = await mkdtemp(join(tmpdir(), "jetscribe-data-"));
  onTestFinished(() => rm(dir, { recursive: true }));
  return dir;
}

function npmRun(dir: string, ...args: string[]): Promise<Ran> {
  const unset = { NATS_URL: "", JETSCRIBE_URL: "", JETSCRIBE_KEY: "" };
  const env = { ...process.env, ...unset, DATA_DIR: dir };
  return new Promise((resolve) => {
    execFile(
      "npm",
      ["--prefix", root, "run", "--silent", "jetscribe", "--", ...args],
      { env, cwd: dir },
      (error, stdout, stderr) => {
        const code = typeof error?.code === "number" ? error.code : 0;
        resolve({ code, stdout, stderr });
      },
    );
  });
}

test("the system that runs here is found, and where none runs a line says what to do", async () => {
  const dir = await dataDir();
  const without = await npmRun(dir, "state");
  assert.equal(without.code, 1);
  assert.match(without.stderr, /no system runs here: start it with npm start/);
  const keys = await npmRun(dir, "keys", "list");
  assert.match(keys.stderr, /name the gateway by JETSCRIBE_URL/);
  const help = await npmRun(dir, "tail", "--help");
  assert.equal(help.code, 0, help.stderr);
  assert.match(help.stdout, /^Usage: jetscribe tail/);
  const version = await npmRun(dir, "--version");
  assert.deepEqual([version.code, version.stdout], [0, `${own.version}\n`]);

  await using nats = await startNats();
  // As npm start writes them.
  const servers = { natsUrl: nats.url, redisUrl: "redis://127.0.0.1:1" };
  const url = `http://127.0.0.1:${await freePort()}`;
  const running = { ...servers, url, key: "jsk_secret" };
  await writeFile(join(dir, "running.json"), JSON.stringify(running));
  await writeFile(join(dir, "choices.json"), `{"eventsMaxBytes":1000000}`);
  const found = await npmRun(dir, "state");
  // It is this broker: no service has made its streams yet.
  expect(found).toMatchObject({ code: 69, stdout: "" });
  assert.match(found.stderr, /the broker has no log \(no stream EVENTS\)/);
  // A path is meant from where it was typed.
  await writeFile(join(dir, "mine.nk"), "no seed");
  const named = await npmRun(dir, "state", "--nkey", "mine.nk");
  assert.equal(named.code, 64);
  assert.match(named.stderr, /--nkey: the file: /);
  // It is this gateway, which nobody has started.
  const { code, stderr } = await npmRun(dir, "keys", "list");
  assert.equal(code, 69);
  assert.match(stderr, /the gateway doesn't answer \(ECONNREFUSED\)/);
  assert.doesNotMatch(stderr, /jsk_/);
});
