/** What the containers `accounts` and `nats` run, without containers. */
import {
  connectBroker,
  isForbidden,
} from "@jetscribe/event-log/broker/connection";
import { brokerOf } from "@jetscribe/runtime";
import { ensureStreams } from "@jetscribe/runtime/streams/ensureStreams";
import { accountsFileOf, seedFileOf } from "@jetscribe/runtime/ownAccounts";
import { eventually, freePort } from "@jetscribe/testing";
import assert from "node:assert/strict";
import { spawn } from "node:child_process";
import { once } from "node:events";
import {
  chmodSync,
  cpSync,
  mkdirSync,
  mkdtempSync,
  readFileSync,
  rmSync,
  statSync,
  writeFileSync,
} from "node:fs";
import { tmpdir } from "node:os";
import { delimiter, dirname, join } from "node:path";
import { onTestFinished, test } from "vitest";
import { root } from "../../scripts/install/project.mjs";
import { libraryEnv, natsVersions } from "../../scripts/install/servers.mjs";
import { shell } from "./shell.ts";

/** The folders of both containers. */
function newFolders() {
  const dir = mkdtempSync(join(tmpdir(), "jetscribe-accounts-"));
  onTestFinished(() => rmSync(dir, { recursive: true }));
  const [dataDir, keysDir] = [join(dir, "data"), join(dir, "keys")];
  const keys = join(keysDir, "gateway");
  mkdirSync(keys, { recursive: true });
  const makeAccounts = (NAMESPACE: string) =>
    shell(process.execPath, [join(root, "deploy/accounts.mjs")], {
      env: { DATA_DIR: dataDir, KEYS_DIR: keysDir, NAMESPACE },
    });
  return { dir, dataDir, keys, makeAccounts };
}

test("each service's volume gets its seed, once, and one that can't be written is named", async () => {
  const { keys, dataDir, makeAccounts } = newFolders();
  await makeAccounts("");
  const file = join(keys, "seed.nk");
  const seed = readFileSync(file, "utf8");
  assert.equal(seed, readFileSync(seedFileOf(dataDir, "gateway"), "utf8"));
  const { ino, mode } = statSync(file);
  assert.equal(mode & 0o777, 0o644);
  await makeAccounts("");
  assert.equal(statSync(file).ino, ino);
  writeFileSync(file, "");
  await makeAccounts("");
  assert.equal(readFileSync(file, "utf8"), seed);

  if (process.getuid?.() === 0) return; // Nothing is closed to root.
  chmodSync(keys, 0o500);
  await assert.rejects(makeAccounts(""), /keys\/gateway can't be written/);
});

test("nats-server reads accounts that change while it runs; signals and its exit code are the container's", async () => {
  const { dir, dataDir, makeAccounts } = newFolders();
  // The image's own is of this line.
  const nats = (await natsVersions()).at(-1);
  assert.ok(nats?.binary);
  const [port, http] = [await freePort(), await freePort()];
  const etc = join(dir, "etc");
  cpSync(join(root, "deploy/nats"), etc, { recursive: true });
  for (const name of ["start.sh", "nats.conf"]) {
    const text = readFileSync(join(etc, name), "utf8")
      .replaceAll("/etc/jetscribe", etc)
      .replaceAll("/data", join(dir, "store"))
      .replace("0.0.0.0:4222", `127.0.0.1:${port}`)
      .replace(":8222", `:${http}`);
    writeFileSync(join(etc, name), text);
  }
  const upWith = async (namespace: string) => {
    await makeAccounts(namespace);
    cpSync(accountsFileOf(dataDir), join(etc, "accounts/accounts.conf"));
  };
  await upWith("");
  const child = spawn("sh", [join(etc, "start.sh")], {
    env: {
      ...libraryEnv(nats),
      PATH: [dirname(nats.binary), process.env["PATH"]].join(delimiter),
    },
    stdio: "ignore",
  });
  onTestFinished(() => void child.kill("SIGKILL"));
  const login = (role: "operator" | "gateway") => ({
    NATS_URL: `nats://127.0.0.1:${port}`,
    NATS_NKEY_FILE: seedFileOf(dataDir, role),
  });
  const limits = { EVENTS_MAX_BYTES: "1MiB", AUDIT_MAX_BYTES: "1MB" };
  const wanted = { ...login("operator"), ...limits, NAMESPACE: "shop" };
  const { plan } = await ensureStreams(wanted, AbortSignal.timeout(60_000));
  assert.match(plan.join("\n"), /^shop-EVENTS: is missing/);
  await using gateway = await connectBroker({
    ...brokerOf({ ...login("gateway"), NAMESPACE: "shop" }, "gateway"),
    name: "test",
  });
  const look = () => gateway.jsm.streams.info(gateway.streams.events);
  // Its list names the streams of the namespace that it was made for.
  await assert.rejects(look, isForbidden);
  await upWith("shop");
  await eventually(() => look().catch(() => false), { everyMs: 100 });

  const name = readFileSync(`/proc/${child.pid}/comm`, "utf8").trim();
  assert.match(name, /^nats-server/);
  const exited = once(child, "exit");
  child.kill("SIGKILL");
  assert.deepEqual(await exited, [null, "SIGKILL"]);
  const follows = () =>
    shell("pgrep", ["-f", `${etc}/follow-accounts.sh`]).catch(() => "");
  await eventually(async () => (await follows()) === "");
});
