import { eventually } from "@jetscribe/testing";
import assert from "node:assert/strict";
import { test } from "vitest";
import { endOverdue, type OverdueDeps } from "./endOverdue.ts";
import { whileLeading } from "../projection/whileLeading.ts";

test("nothing is looked at for its deadline before the broker's time is known", async () => {
  let [asked, looks, isRead] = [0, 0, false];
  const deps = {
    clock: {
      nowS: () => 4e9,
      isRead() {
        asked++;
        return isRead;
      },
    },
    reader: {
      perhapsOverdue() {
        looks++;
        return Promise.resolve([]);
      },
    },
    // None of the rest is reached where nothing is overdue.
  } as unknown as OverdueDeps;
  const stop = new AbortController();
  await using opened = new AsyncDisposableStack();
  const leading = {
    projection: { role: () => ({ leading: true, seq: 9, caughtUp: true }) },
    log: { debug: () => undefined },
  };
  const running = whileLeading(leading, endOverdue(deps), stop.signal);
  opened.defer(() => {
    stop.abort();
    return running;
  });
  await eventually(() => asked > 0 || looks > 0);
  assert.equal(looks, 0);
  isRead = true;
  await eventually(() => looks > 0);
});
