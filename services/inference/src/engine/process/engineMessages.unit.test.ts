import assert from "node:assert/strict";
import { setImmediate as turn } from "node:timers/promises";
import { test } from "vitest";
import { makeOutbox } from "./engineMessages.ts";

test("an outbox sends the messages of a turn together, in order", async () => {
  const sent: number[][] = [];
  const post = makeOutbox<number>((messages) => sent.push(messages));
  post(1);
  post(2);
  assert.deepEqual(sent, []);
  await turn();
  post(3);
  await turn();
  await turn();
  assert.deepEqual(sent, [[1, 2], [3]]);
});
