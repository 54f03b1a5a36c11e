import type { KeyEvent } from "@jetscribe/schema";
import assert from "node:assert/strict";
import { test } from "vitest";
import { leavesRoom } from "./keyRoom.ts";

test("a stream without a limit has room for every key", () => {
  const event: KeyEvent = {
    type: "KeyCreated",
    data: {
      ...{ key_id: "one", name: "one", prefix: "jsk_one", by: "env:a" },
      ...{ digest: "0".repeat(64), scopes: ["read"] },
    },
  };
  const records = new Map();
  const bytes = 9;
  assert.ok(leavesRoom(event, records, { bytes, maxBytes: -1 }));
  assert.ok(!leavesRoom(event, records, { bytes, maxBytes: 100 }));
});
