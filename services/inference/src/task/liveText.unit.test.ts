import type { WorkItem } from "@jetscribe/event-log/work/consume";
import { eventually } from "@jetscribe/testing";
import assert from "node:assert/strict";
import { test } from "vitest";
import { firstClaim } from "../ownership/textLock.ts";
import { makeTaskInHand } from "../ownership/taskInHand.ts";
import { makeLiveTexts } from "./liveText.ts";
import { requestOf } from "../../test/workerTestKit.ts";

const event = { ...requestOf(), seq: 1, time: 1 };
const inHand = makeTaskInHand({ event } as WorkItem, {
  isLeaseOver: () => false,
  release: () => undefined,
});

test("the chunks of a text are the farther apart the more texts a worker writes", async () => {
  const sentAt: number[] = [];
  let now = 0;
  const texts = makeLiveTexts(
    {
      write(_, chunk) {
        if (chunk.text.startsWith("a")) sentAt.push(now);
        return Promise.resolve({ kind: "stored", seq: 1 });
      },
    },
    "worker",
    () => (now = performance.now()),
  );
  const all = Array.from({ length: 16 }, () => texts.begin(inHand, firstClaim));
  const [first] = all as [(typeof all)[0]];
  for (const text of all) text.open();
  const counts = { promptTokens: 1, completionTokens: 1 };
  const writes = setInterval(() => first.say("a", counts), 1);
  const gaps = () => sentAt.slice(1).map((at, i) => at - sentAt[i]!);
  try {
    await eventually(() => sentAt.length >= 5);
    // A timer may be early by less than two milliseconds.
    assert.ok(Math.min(...gaps()) > 60, gaps().join(" "));
    for (const text of all.slice(1)) await text.close();
    await eventually(() => gaps().some((gap) => gap < 40));
    assert.ok(Math.min(...gaps()) > 18, gaps().join(" "));
  } finally {
    clearInterval(writes);
    await first.close();
  }
});
