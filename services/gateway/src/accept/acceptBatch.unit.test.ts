import { GenerateRequest, newTaskId } from "@jetscribe/schema";
import assert from "node:assert/strict";
import { setImmediate as otherWork } from "node:timers/promises";
import { test } from "vitest";
import { ApiKeyList } from "../keys/apiKeys.ts";
import { makeAcceptBatch } from "./acceptBatch.ts";

test("a batch whose key ends has no more of its requests accepted", async () => {
  const [key] = ApiKeyList.parse("a:key-of-a");
  assert.ok(key);
  const ending = new AbortController();
  let asked = 0;
  const acceptBatch = makeAcceptBatch(async () => {
    if (++asked === 40) ending.abort("the key has ended");
    await otherWork();
    return { taskId: newTaskId() };
  });
  const requests = Array(500).fill(GenerateRequest.parse({ prompt: "hi" }));
  const options = { ended: ending.signal };
  const settled = await acceptBatch(requests, key, options);
  assert.equal(asked, 40);
  assert.equal(settled.filter((s) => s.status === "rejected").length, 460);
});
