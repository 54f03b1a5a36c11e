/** The user of the broker that a call names. */
import { connectBroker } from "@jetscribe/event-log/broker/connection";
import { ensureTopology } from "@jetscribe/event-log/streams/topology";
import { settings } from "@jetscribe/event-log/test/eventLogTestKit";
import { makeTestAccounts, natsVersions, startNats } from "@jetscribe/testing";
import assert from "node:assert/strict";
import { mkdtemp, readFile, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { describe, onTestFinished, test } from "vitest";
import { runCli } from "../test/cliTestKit.ts";

async function tempDir(): Promise<string> {
  const dir = await mkdtemp(join(tmpdir(), "jetscribe-flags-"));
  onTestFinished(() => rm(dir, { recursive: true }));
  return dir;
}

for (const version of await natsVersions())
  describe(`a broker with users, the ${version} nats-server`, () => {
    test("is read by the user whose file the call names", async () => {
      const accounts = await makeTestAccounts(await tempDir());
      const config = [accounts.config];
      await using nats = await startNats({ version, config });
      await using broker = await connectBroker({
        ...{ url: accounts.forTest(nats.url), name: "test" },
      });
      await ensureTopology(broker, settings);
      const operator = accounts.fileOf("operator");
      const run = (...args: string[]) => runCli(nats.url, ...args);
      for (const args of [
        ["--nkey", operator, "state"],
        ["replay", "--nkey", operator],
      ]) {
        const { code, stderr } = await run(...args);
        assert.deepEqual([code, stderr], [0, ""], args.join(" "));
      }
      const other = await run("state", "--nkey", accounts.fileOf("logger"));
      assert.equal(other.code, 1);
      assert.match(other.stderr, /^jetscribe: the log can't be looked at \(.*\): .* is the file the operator's\?\n$/); // prettier-ignore
    });
  });

test("a file that can't be used is wrong use, and nothing of it is repeated", async () => {
  const dir = await tempDir();
  const accounts = await makeTestAccounts(dir);
  const file = accounts.fileOf("operator");
  const seed = (await readFile(file, "utf8")).trim();
  const broken = join(dir, "broken.nk");
  await writeFile(broken, `${seed.slice(0, -1)}!`);
  // No broker is asked.
  const nowhere = "nats://127.0.0.1:1";
  for (const [args, said] of [
    [
      ["--nkey", join(dir, "none")],
      /--nkey: the file can't be read \(ENOENT\)/,
    ],
    [["--nkey", broken], /--nkey: the file: /],
    [["--nkey", seed], /--nkey: the file can't be read \(ENOENT\)/],
    [["--creds", file], /--creds: the file: /],
    [
      ["--nkey", file, "--creds", file],
      /'--nkey <file>' cannot be used with option '--creds <file>'/,
    ],
  ] as const) {
    const { code, stdout, stderr } = await runCli(nowhere, "state", ...args);
    assert.deepEqual([code, stdout], [64, ""], stderr);
    assert.match(stderr, said);
    assert.ok(!stderr.includes(seed.slice(0, 20)), stderr);
  }
  // A user in the URL beside the file is a matter of the settings.
  const { code, stderr } = await runCli("nats://u:hidden@127.0.0.1:1", "state", "--nkey", file); // prettier-ignore
  assert.equal(code, 78);
  assert.match(stderr, /NATS_URL: has a user/);
  assert.ok(!stderr.includes("hidden"));
});

test("each command tells of the flags", async () => {
  const { code, stdout } = await runCli("", "tail", "--help");
  assert.equal(code, 0);
  assert.match(stdout, /--nkey <file> .*NATS_NKEY_FILE/s);
  const keys = await runCli("", "keys", "add", "--fly");
  assert.equal(keys.code, 64);
});
