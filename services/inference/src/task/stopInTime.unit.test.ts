import type { WorkItem } from "@jetscribe/event-log/work/consume";
import assert from "node:assert/strict";
import { once } from "node:events";
import { test } from "vitest";
import { makeTaskInHand } from "../ownership/taskInHand.ts";
import { requestOf } from "../../test/workerTestKit.ts";
import { stopInTime } from "./stopInTime.ts";

test("what has come by the end of the task's time is taken before it is stopped", async () => {
  const event = { ...requestOf({ timeout_ms: 20 }), seq: 1, time: 1 };
  const inHand = makeTaskInHand({ event } as WorkItem, {
    isLeaseOver: () => false,
    release: () => undefined,
  });
  const { port1: engine, port2: worker } = new MessageChannel();
  const order: string[] = [];
  worker.on("message", (word) => order.push(String(word)));
  using stop = stopInTime(inHand, { startedAt: 0, now: 0 });
  stop.signal.addEventListener("abort", () => order.push("stopped"));
  engine.postMessage("done");
  // The worker stands still until the time is over.
  Atomics.wait(new Int32Array(new SharedArrayBuffer(4)), 0, 0, 50);
  await once(stop.signal, "abort");
  worker.close();
  assert.deepEqual(order, ["done", "stopped"]);
});
