import assert from "node:assert/strict";
import { test } from "vitest";
import { isInbox } from "./isInbox.ts";

test("answers go to inboxes, and to what an import makes of them", () => {
  for (const inbox of [
    ...["_INBOX.abc", "_INBOX.abc.1", "_INBOX_gateway.abc.1"],
    ...["_R_.abc", "_R_.abc.xyz"],
  ])
    assert.ok(isInbox(inbox), inbox);
});

test("answers go nowhere else: not into the log, not to the broker, not to many", () => {
  for (const other of [
    ...["", "_INBOX", "_INBOX.", "_R_", "inbox.a", "a._INBOX.b"],
    ...["llm.events.requested.demo.batch.a", "shop.llm.events.requested.a"],
    ...["$JS.API.STREAM.PURGE.EVENTS", "$JS.ACK.EVENTS.a.1.1.1.1.0"],
    ...["$SRV.PING", "_INBOX.>", "_INBOX.*", "_INBOX.a.>", "_INBOX.a b"],
    ...["_INBOX.a\r\nPUB llm.events", "_INBOX..a", "_RECENT.a"],
  ])
    assert.ok(!isInbox(other), other);
});
