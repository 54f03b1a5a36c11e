import assert from "node:assert/strict";
import { existsSync, statSync } from "node:fs";
import { mkdir, mkdtemp, rm, writeFile } from "node:fs/promises";
import net from "node:net";
import { tmpdir, totalmem } from "node:os";
import { join } from "node:path";
import { describe, test } from "vitest";
import { natsVersions, startNats, startRedis, withNats } from "./servers.ts";

/** Sends lines to a server and gives what it says until `enough` matches: both protocols are text. */
function talk(port: number, request: string, enough: RegExp): Promise<string> {
  return new Promise((resolve, reject) => {
    let text = "";
    const socket = net.connect(port, "127.0.0.1", () => socket.write(request));
    socket.setTimeout(60_000, () =>
      socket.destroy(new Error(`no answer, only: ${text}`)),
    );
    socket.once("error", reject);
    socket.on("data", (chunk) => {
      text += chunk.toString();
      if (!enough.test(text)) return;
      socket.destroy();
      resolve(text);
    });
  });
}

/** One JetStream request over the plain protocol. */
function askNats(port: number, subject: string, body: string): Promise<string> {
  const lines = [
    'CONNECT {"verbose":false}',
    "SUB inbox 1",
    `PUB ${subject} inbox ${Buffer.byteLength(body)}`,
    body,
    "",
  ];
  return talk(port, lines.join("\r\n"), /MSG inbox 1 +\d+\r\n.*\r\n/);
}

const STREAM = JSON.stringify({
  name: "T",
  subjects: ["t.>"],
  storage: "file",
});

for (const version of await natsVersions()) {
  describe(`nats-server, the ${version}`, () => {
    test("a stream survives SIGKILL and a restart on the same port", async () => {
      await using nats = await startNats({ version });
      await askNats(nats.port, "$JS.API.STREAM.CREATE.T", STREAM);
      assert.match(await askNats(nats.port, "t.one", "hello"), /"seq":1/);
      const { pid, port } = nats;
      await nats.kill("SIGKILL");
      assert.equal(nats.pid, undefined);
      await assert.rejects(talk(port, "PING\r\n", /PONG/), {
        code: "ECONNREFUSED",
      });
      await nats.restart();
      assert.notEqual(nats.pid, pid);
      assert.match(
        await askNats(port, "$JS.API.STREAM.INFO.T", ""),
        /"messages":1,/,
      );
    });

    test("takes payloads up to 8 MiB", async () => {
      await using nats = await startNats({ version });
      assert.match(await talk(nats.port, "", /\r\n/), /"max_payload":8388608/);
    });

    test("leaves no process and no folder behind", async () => {
      const { pid, dataDir } = await withNats(
        (nats) => Promise.resolve({ pid: nats.pid, dataDir: nats.dataDir }),
        { version },
      );
      assert.ok(pid);
      assert.throws(() => process.kill(pid, 0), { code: "ESRCH" });
      assert.equal(existsSync(dataDir), false);
    });

    test("its configuration is for its owner only", async () => {
      await using nats = await startNats({ version });
      assert.equal(
        statSync(join(nats.dataDir, "nats.conf")).mode & 0o777,
        0o600,
      );
    });
  });
}

test("a server that fails to start says why", async () => {
  const dataDir = await mkdtemp(join(tmpdir(), "jetscribe-test-"));
  try {
    await mkdir(join(dataDir, "nats"));
    await writeFile(
      join(dataDir, "nats", "jetstream"),
      "a file where a folder belongs",
    );
    await assert.rejects(
      startNats({ dataDir }),
      /did not start:[^]*(not a directory|could not create storage directory)/i,
    );
  } finally {
    await rm(dataDir, { recursive: true });
  }
});

test("a durability that does not exist is refused", async () => {
  const durability = "sometimes" as "process";
  await assert.rejects(
    startNats({ durability }),
    /expected process or machine/,
  );
});

test("redis-server keeps its data over SIGKILL and a restart", async () => {
  await using redis = await startRedis();
  await talk(redis.port, "SET key value\r\n", /OK/);
  await talk(redis.port, "WAITAOF 0 0 0\r\n", /\r\n/); // unknown to old versions, which changes nothing here
  await redis.restart();
  assert.match(await talk(redis.port, "GET key\r\n", /value/), /value/);
  await redis.kill("SIGKILL");
  await redis.restart();
  assert.match(await talk(redis.port, "GET key\r\n", /value/), /value/);
});

test("redis-server refuses writes rather than dropping tasks when it is full", async () => {
  await using redis = await startRedis();
  const policy = await talk(
    redis.port,
    "CONFIG GET maxmemory-policy\r\n",
    /noeviction|lru/,
  );
  assert.match(policy, /noeviction/);
  const bound = await talk(redis.port, "CONFIG GET maxmemory\r\n", /\d{6,}/);
  const bytes = Number(/\d{6,}/.exec(bound)?.[0]);
  assert.ok(bytes >= 256 * 2 ** 20 && bytes < totalmem(), bound);
});
