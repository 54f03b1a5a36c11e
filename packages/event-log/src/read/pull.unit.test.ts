import assert from "node:assert/strict";
import { test } from "vitest";
import { parseAckSubject } from "./pull.ts";

const said = {
  consumer: "infer=m=batch=7",
  deliveryCount: 2,
  seq: 4_294_967_299,
  consumerSeq: 12,
  time: 1_764_358_123.456_789_1,
  pending: 0,
};
const numbers = "2.4294967299.12.1764358123456789100.0";

test("all that a delivery's subject says is read, whatever the server puts before and behind it", () => {
  for (const subject of [
    `$JS.ACK.EVENTS.infer=m=batch=7.${numbers}`,
    `$JS.ACK._.4a5b.EVENTS.infer=m=batch=7.${numbers}`,
    `$JS.ACK.hub.A1B2C3.EVENTS.infer=m=batch=7.${numbers}.x9Yz`,
  ])
    assert.deepEqual(parseAckSubject(subject), said, subject);
});

test("no other subject is a delivery's", () => {
  assert.equal(parseAckSubject(""), undefined);
  assert.equal(parseAckSubject("_INBOX.abc.1"), undefined);
});
