import type { Checkpoint } from "@jetscribe/task-store";
import assert from "node:assert/strict";
import { test } from "vitest";
import { untilVacant } from "./untilVacant.ts";

test("a checkpoint that its leader has left is vacant at the first look", async () => {
  const found: Checkpoint = {
    ...{ created: "2026-01-01T00:00:00Z", seq: 9, id: "a.requested" },
    ...{ caughtUp: true, beat: 0, bytes: 0 },
    open: { tasks: 0, tokens: 0, bytes: 0, bytesPerToken: 8 },
  };
  let looks = 0;
  const look = () => {
    looks++;
    return Promise.resolve({ checkpoint: found, tasks: [] });
  };
  const { signal } = new AbortController();
  const options = { newcomer: false, onSeen: () => undefined };
  assert.deepEqual(await untilVacant({ look }, options, signal), { found });
  assert.equal(looks, 1);
});
