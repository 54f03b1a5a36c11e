import {
  eventually,
  freePort,
  natsVersions,
  startNats,
} from "@jetscribe/testing";
import assert from "node:assert/strict";
import { execFile } from "node:child_process";
import { once } from "node:events";
import { mkdtemp, rm } from "node:fs/promises";
import net from "node:net";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { setTimeout as sleep } from "node:timers/promises";
import { promisify } from "node:util";
import { describe, test, vi } from "vitest";
import { makeUserKey } from "../accounts/nkeys.ts";
import { connectBroker, subscribe } from "./connection.ts";
import type { Credentials } from "./credentials.ts";

/** Sockets and timers of this process that keep it alive. */
const open = () =>
  process
    .getActiveResourcesInfo()
    .filter((kind) => /TCP|Timeout|Immediate/.test(kind)).length;

for (const version of await natsVersions())
  describe(`connection, the ${version} nats-server`, () => {
    test("waits for a broker that is not there yet", async () => {
      const port = await freePort();
      const connecting = connectBroker({
        url: `nats://127.0.0.1:${port}`,
        name: "test",
      });
      await using nats = await startNats({ version, port });
      await using broker = await connecting;
      assert.equal(broker.connected, true);
      assert.equal(broker.serverVersion, nats.version);
      assert.equal(broker.maxPayload, 8 * 2 ** 20);
    });

    test("a broker that dies and comes back is told once each", async () => {
      await using nats = await startNats({ version });
      await using broker = await connectBroker({ url: nats.url, name: "test" });
      const told: string[] = [];
      broker.onDisconnect(() => told.push("down"));
      broker.onReconnect(() => told.push("up"));
      broker.onReconnect(() => told.push("never"))();
      await nats.kill("SIGKILL");
      await eventually(() => !broker.connected);
      await assert.rejects(broker.whenConnected(AbortSignal.timeout(50)), {
        name: "TimeoutError",
      });
      await nats.restart();
      await broker.whenConnected();
      await broker.nc.flush();
      assert.equal(broker.connected, true);
      assert.deepEqual(told, ["down", "up"]);
    });

    test("a clock that is set back while the broker is away delays no dial", async () => {
      await using nats = await startNats({ version });
      await using broker = await connectBroker({ url: nats.url, name: "test" });
      const wallMs = Date.now.bind(Date);
      const hourMs = 3_600_000;
      using clock = vi.spyOn(Date, "now");
      clock.mockImplementation(() => wallMs() + hourMs);
      await nats.kill("SIGKILL");
      let dials = 0;
      for await (const { type } of broker.nc.status())
        if (type === "reconnecting" && ++dials === 3) break;
      clock.mockRestore();
      await nats.restart();
      await broker.whenConnected(AbortSignal.timeout(60_000));
    });

    test("closes while the broker is down, and says that it is down", async () => {
      await using nats = await startNats({ version });
      const before = open();
      const broker = await connectBroker({ url: nats.url, name: "test" });
      let told = 0;
      broker.onDisconnect(() => told++);
      await nats.kill("SIGKILL");
      await eventually(() => !broker.connected);
      // The broker stays down: closing waits for nothing of it.
      await broker[Symbol.asyncDispose]();
      assert.deepEqual([broker.connected, told], [false, 1]);
      await eventually(() => open() <= before);
    });

    test("closing sends what was published, takes no more, and is told", async () => {
      await using nats = await startNats({ version });
      await using other = await connectBroker({ url: nats.url, name: "other" });
      const heard: string[] = [];
      subscribe(other, "x", (msg) => heard.push(msg.string()));
      await other.nc.flush();
      const broker = await connectBroker({ url: nats.url, name: "test" });
      let told = 0;
      broker.onDisconnect(() => told++);
      for (let at = 0; at < 1_000; at++) broker.nc.publish("x", `${at}`);
      const closing = broker[Symbol.asyncDispose]();
      assert.equal(broker.connected, false);
      await closing;
      await eventually(() => heard.length === 1_000);
      assert.equal(told, 1);
    });
  });

test("a broker that freezes is noticed, and so is its return", async () => {
  await using nats = await startNats();
  await using broker = await connectBroker({ url: nats.url, name: "test" });
  await nats.kill("SIGSTOP");
  await eventually(() => !broker.connected);
  await nats.kill("SIGCONT");
  await broker.whenConnected();
});

test("waiting for a broker can be aborted, and leaves nothing open", async () => {
  const before = open();
  const stop = new AbortController();
  const connecting = connectBroker({
    url: `nats://127.0.0.1:${await freePort()}`,
    name: "test",
    signal: stop.signal,
  });
  const rejected = assert.rejects(connecting, /enough of it/);
  stop.abort(new Error("enough of it"));
  await rejected;
  await eventually(() => open() <= before);
});

const skip =
  process.env["NATS_IMAGE"] !== undefined &&
  "a server in a container can't read the certificate";

test(
  "why there is no connection is told once, without the password",
  { skip: Boolean(skip) },
  async () => {
    const folder = await mkdtemp(join(tmpdir(), "jetscribe-tls-"));
    await using cleaning = new AsyncDisposableStack();
    cleaning.defer(() => rm(folder, { recursive: true }));
    const [tlsPort, authPort, web] = [
      await freePort(),
      await freePort(),
      net.createServer((socket) => socket.end("HTTP/1.1 400 Bad\r\n\r\n")),
    ];
    web.listen(0, "127.0.0.1");
    await once(web, "listening");
    cleaning.defer(() => void web.close());
    const { port: webPort } = web.address() as net.AddressInfo;
    const [key, cert] = [join(folder, "key.pem"), join(folder, "cert.pem")];
    await promisify(execFile)("openssl", [
      ...["req", "-x509", "-newkey", "rsa:2048", "-nodes", "-days", "2"],
      ...["-keyout", key, "-out", cert, "-subj", "/CN=localhost"],
    ]);
    await using _auth = await startNats({
      port: authPort,
      config: [
        `authorization { timeout: 60, users: [{ user: "me", password: "right" }, { nkey: ${makeUserKey().publicKey} }] }`,
      ],
    });
    await using _tls = await startNats({
      port: tlsPort,
      config: [`tls { timeout: 60, cert_file: "${cert}", key_file: "${key}" }`],
    });
    const { seed } = makeUserKey();
    const creds = `-----BEGIN NATS USER JWT-----\neyJ0.e30.c2ln\n------END NATS USER JWT------\n\n-----BEGIN USER NKEY SEED-----\n${seed}\n------END USER NKEY SEED------\n`;
    const fileOf = (kind: Credentials["kind"], text: string): Credentials => ({
      ...{ role: "operator", kind, read: () => Buffer.from(text) },
    });
    const own = `nats://127.0.0.1:${authPort}`;
    for (const [url, reason, credentials] of [
      [own, /refuses the user of the nkey \(/, fileOf("nkey", seed)],
      [own, /refuses the user of the \.creds file \(/, fileOf("creds", creds)],
      [own, /it may want an nkey or a \.creds file/],
      [`nats://me:hush@127.0.0.1:${authPort}`, /refuses the user, password/],
      [`nats://hush@127.0.0.1:${authPort}`, /refuses the user, password/],
      [`nats://127.0.0.1:${authPort}`, /refuses the user, password or token/],
      [`tls://me:hush@127.0.0.1:${tlsPort}`, /self-signed certificate/],
      [`tls://me:right@127.0.0.1:${authPort}`, /does not support 'tls'/],
      [`nats://me:hush@127.0.0.1:${webPort}`, /unexpected response/],
      [`nats://me:hush@127.0.0.1:1`, /ECONNREFUSED/],
    ] as [string, RegExp, Credentials?][]) {
      const told: string[] = [];
      const stop = new AbortController();
      const connecting = connectBroker({
        ...{ url, name: "test", credentials, signal: stop.signal },
        onRefused: (reason) => told.push(reason),
      });
      await eventually(() => told.length > 0);
      // Long enough for the next try.
      await sleep(500);
      stop.abort();
      await assert.rejects(connecting);
      assert.equal(told.length, 1, told.join("\n"));
      assert.match(told[0]!, reason);
      assert.doesNotMatch(told[0]!, /hush|right|SU[A-Z2-7]{56}/);
    }
  },
);

test("an error in a listener ends the process, not only the hearing", async () => {
  await using nats = await startNats();
  const program = `
    import { connectBroker, subscribe } from ${JSON.stringify(import.meta.resolve("./connection.ts"))};
    const broker = await connectBroker({ url: ${JSON.stringify(nats.url)}, name: "test" });
    subscribe(broker, "x", () => { throw new Error("a fault of its own"); });
    broker.nc.publish("x");`;
  const child = promisify(execFile)(
    process.execPath,
    ["--input-type=module", "--eval", program],
    { timeout: 60_000 },
  );
  await assert.rejects(child, { code: 1, stderr: /a fault of its own/ });
});
