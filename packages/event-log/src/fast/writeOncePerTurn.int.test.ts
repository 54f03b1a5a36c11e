import { eventually, startNats } from "@jetscribe/testing";
import assert from "node:assert/strict";
import { test, vi } from "vitest";
import { connectBroker, subscribe } from "../broker/connection.ts";

test("what is published in one turn of the event loop goes out in one write", async () => {
  await using nats = await startNats();
  await using broker = await connectBroker({ url: nats.url, name: "test" });
  const heard: string[] = [];
  subscribe(broker, "x", (msg) => heard.push(msg.string()));
  await broker.nc.flush();
  const { protocol } = broker.nc as unknown as {
    protocol: { transport: { send: (bytes: Uint8Array) => void } };
  };
  const sent = vi.spyOn(protocol.transport, "send").mock;
  for (const text of ["a", "b", "c"]) {
    broker.nc.publish("x", text);
    // Far longer than the client itself would gather.
    for (let i = 0; i < 100; i++) await Promise.resolve();
  }
  await eventually(() => heard.length === 3);
  // Before these, or besides, go the client's own PING and the answer to the server's.
  const writes = sent.calls.filter(([bytes]) =>
    /^H?PUB/m.test(String(Buffer.from(bytes))),
  );
  assert.deepEqual([heard, writes.length], [["a", "b", "c"], 1]);
});
