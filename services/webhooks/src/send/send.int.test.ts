/** One attempt, against real receivers; only the name service is the test's own. */
import { newTaskId, type WebhookDelivery } from "@jetscribe/schema";
import { startWebhookReceiver } from "@jetscribe/testing";
import assert from "node:assert/strict";
import { once } from "node:events";
import { createServer, type AddressInfo, type Socket } from "node:net";
import { describe, test } from "vitest";
import { networkOf, type Network } from "../guard/addresses.ts";
import { makeGuard } from "../guard/guard.ts";
import { makeSend } from "./send.ts";

const ofThisMachine: Network[] = ["127.0.0.1/32", "::1/128"].map(
  (text) => networkOf(text) ?? assert.fail(text),
);

const deliveryTo = (url: string): WebhookDelivery => ({
  ...{ task_id: newTaskId(), owner: "a", model: "demo", status: "completed" },
  ...{ url, ended_at: 1, state: "pending", attempts: 0, since: 1, next_at: 1 },
});

/** `addresses`: what a name leads to at each look-up in turn; the last one stays. */
function sender(addresses: string[][], timeoutMs = 60_000) {
  let lookUps = 0;
  const allowed = { http: true, ports: undefined, names: new Set<string>() };
  const guard = makeGuard({ ...allowed, networks: ofThisMachine }, () => {
    const found = addresses[Math.min(lookUps++, addresses.length - 1)] ?? [];
    return Promise.resolve(found.map((address) => ({ address, family: 4 })));
  });
  const secretsOf = () => [Buffer.alloc(32)];
  const nowS = () => Date.now() / 1_000;
  const send = makeSend({ guard, secretsOf, nowS, timeoutMs });
  return {
    send: (url: string) => send(deliveryTo(url)),
    lookUps: () => lookUps,
  };
}

describe("an attempt", () => {
  test("connects to the address that was looked at, and asks for the name once", async () => {
    await using receiver = await startWebhookReceiver();
    // No name service knows it: only the address that was looked at can lead there.
    const url = `http://rebind.invalid:${receiver.port}/`;
    const { send, lookUps } = sender([["127.0.0.1"], ["10.0.0.1"]]);
    assert.equal(await send(url), undefined);
    assert.equal(lookUps(), 1);
    assert.equal(receiver.received[0]?.headers["host"], url.slice(7, -1));
    assert.deepEqual(await send(url), { error: "refused" });
    assert.equal(receiver.received.length, 1);
  });

  test("is refused where one address of the name may not be reached, before anything is sent", async () => {
    await using receiver = await startWebhookReceiver();
    const { send } = sender([["127.0.0.1", "127.0.0.2"]]);
    const failure = await send(`http://mixed.invalid:${receiver.port}/`);
    assert.deepEqual(failure, { error: "refused" });
    assert.equal(receiver.received.length, 0);
  });

  test("tells what the receiver answered, and follows nothing", async () => {
    await using receiver = await startWebhookReceiver();
    const { send } = sender([]);
    const after = async (
      answer: Parameters<typeof receiver.answerWith>[0],
      url = receiver.url,
    ) => {
      receiver.answerWith(answer);
      return await send(url);
    };
    assert.equal(await after(() => 200), undefined);
    for (const [status, error] of [
      [302, "redirect"],
      [308, "redirect"],
      [404, "status"],
      [410, "gone"],
      [500, "status"],
    ] as const) {
      const before = receiver.received.length;
      const Location = `${receiver.url}/elsewhere`;
      const failure = await after(() => ({ status, headers: { Location } }));
      assert.deepEqual(failure, { error, http_status: status });
      assert.equal(receiver.received.length, before + 1);
    }
    assert.deepEqual(await after(() => "hang up"), { error: "connection" });
    const { port } = receiver;
    // It speaks no TLS.
    const overTls = await after(() => 200, `https://127.0.0.1:${port}/`);
    assert.deepEqual(overTls, { error: "connection" });
  });

  test("ends at its time-out, whatever the receiver does", async () => {
    await using receiver = await startWebhookReceiver();
    receiver.answerWith(() => "hang");
    const { send } = sender([], 200);
    assert.deepEqual(await send(receiver.url), { error: "timeout" });
  });

  test("takes an answer that came in time, where this process stood still until after it", async () => {
    const timeoutMs = 5_000;
    const since = performance.now();
    await using receiver = await startRaw((socket) => {
      socket.write("HTTP/1.1 204 No Content\r\n\r\n");
      const leftMs = since + timeoutMs + 500 - performance.now();
      Atomics.wait(new Int32Array(new SharedArrayBuffer(4)), 0, 0, leftMs);
    });
    const { send } = sender([], timeoutMs);
    assert.equal(await send(receiver.url), undefined);
  });

  test("ends where the receiver switches to another protocol, which is no answer", async () => {
    await using receiver = await startRaw((socket) =>
      socket.write(
        "HTTP/1.1 101 A\r\nConnection: Upgrade\r\nUpgrade: x\r\n\r\n",
      ),
    );
    assert.deepEqual(await sender([]).send(receiver.url), {
      error: "connection",
    });
  });

  test("takes the status of an answer whose end never comes", async () => {
    await using receiver = await startRaw((socket) =>
      socket.write("HTTP/1.1 200 OK\r\n\r\n"),
    );
    assert.equal(await sender([], 5_000).send(receiver.url), undefined);
  });

  test("takes the status of an answer whose body never ends, and reads little of it", async () => {
    let written = 0;
    await using receiver = await startRaw((socket) => {
      socket.write("HTTP/1.1 200 OK\r\n\r\n");
      const flood = () => {
        while (!socket.destroyed && socket.write(Buffer.alloc(65_536)))
          written += 65_536;
      };
      socket.on("drain", flood);
      flood();
    });
    assert.equal(await sender([]).send(receiver.url), undefined);
    assert.ok(written < 16 * 2 ** 20, `${written} bytes`);
  });
});

/** A receiver that answers with bytes of its own, whatever is said. */
async function startRaw(
  answer: (socket: Socket) => void,
): Promise<AsyncDisposable & { url: string }> {
  const sockets = new Set<Socket>();
  const server = createServer((socket) => {
    sockets.add(socket.on("error", () => undefined));
    socket.once("data", () => answer(socket));
  }).listen(0, "127.0.0.1");
  await once(server, "listening");
  const { port } = server.address() as AddressInfo;
  return {
    url: `http://127.0.0.1:${port}/`,
    async [Symbol.asyncDispose]() {
      for (const socket of sockets) socket.destroy();
      server.close();
      await once(server, "close");
    },
  };
}
