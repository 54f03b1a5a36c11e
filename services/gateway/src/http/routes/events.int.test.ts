/** How much `GET /tasks/{id}/events` holds at once. */
import { eventually } from "@jetscribe/testing";
import assert from "node:assert/strict";
import { test } from "vitest";
import { send, startApp } from "../../../test/appTestKit.ts";
import type { AppDeps } from "../appDeps.ts";

test("histories are read a few at a time, whoever asks for how many; the others get theirs later", async () => {
  const held: (() => void)[] = [];
  let most = 0;
  const readHistory: AppDeps["readHistory"] = async () => {
    await new Promise<void>((resolve) => {
      held.push(resolve);
      most = Math.max(most, held.length);
    });
    return [];
  };
  await using app = await startApp({}, undefined, { readHistory });
  const path = `/tasks/${app.ended.task_id}/events`;
  const calls = Array.from({ length: 20 }, () => send(app, "GET", path));
  let answered = 0;
  for (const call of calls) void call.then(() => answered++);
  await eventually(() => held.length === 4);
  while (answered < calls.length) {
    await eventually(() => held.length > 0 || answered === calls.length);
    held.shift()?.();
  }
  assert.equal(most, 4);
  for (const call of calls) assert.equal((await call).status, 410);
});
