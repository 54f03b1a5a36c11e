/** Headers as they are written and read for speed, beside the client's own way. */
import { headers, type Msg } from "@nats-io/nats-core";
import { eventually, startNats } from "@jetscribe/testing";
import assert from "node:assert/strict";
import { test } from "vitest";
import { connectBroker, subscribe } from "../broker/connection.ts";
import { rawHeaderBytes, rawHeadersOf } from "./rawHeaders.ts";
import { writtenHeaders } from "./writtenHeaders.ts";

const values = { "ce-id": "7.requested", traceparent: "00-0a-0b-01", b: "x y" };

test("written headers arrive as those that the client sets, and are read in both ways", async () => {
  await using nats = await startNats();
  await using broker = await connectBroker({ url: nats.url, name: "test" });
  const heard: Msg[] = [];
  subscribe(broker, "x", (msg) => void heard.push(msg));
  const set = headers();
  for (const [name, value] of Object.entries(values)) set.set(name, value);
  const lines = Object.entries(values)
    .map(([name, value]) => `${name}: ${value}\r\n`)
    .join("");
  const body = Buffer.from("a body\r\nce-id: none");
  broker.nc.publish("x", body, { headers: writtenHeaders(lines) });
  broker.nc.publish("x", body, { headers: set });
  broker.nc.publish("x", body, { headers: set, reply: "answers.here" });
  broker.nc.publish("x", body);
  await eventually(() => heard.length === 4);
  const bytes = `NATS/1.0\r\n${lines}\r\n`.length;
  const [written, own, withReply, bare] = heard as [Msg, Msg, Msg, Msg];
  for (const msg of [written, own, withReply]) {
    const header = rawHeadersOf(msg);
    for (const [name, value] of Object.entries(values)) {
      assert.equal(msg.headers?.get(name), value);
      assert.equal(header(name), value);
    }
    assert.equal(header("id"), "");
    assert.equal(rawHeaderBytes(msg), bytes);
  }
  assert.deepEqual(
    [rawHeaderBytes(bare), rawHeadersOf(bare)("ce-id")],
    [0, ""],
  );
});
