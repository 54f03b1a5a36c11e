import {
  openLog,
  queue,
  requestedBy,
} from "@jetscribe/event-log/test/eventLogTestKit";
import { eventually } from "@jetscribe/testing";
import assert from "node:assert/strict";
import { test } from "vitest";
import { watchStoring } from "./storing.ts";

test("a broker that was frozen stores again when it answers what was given up, though nobody calls", async () => {
  await using log = await openLog();
  const { nats, broker, appender } = log;
  using storing = watchStoring(broker, { all: () => [] }, appender);
  const append = (options = {}) =>
    appender.append(requestedBy(queue), queue, options);
  await append();
  storing.note(true);

  await nats.kill("SIGSTOP");
  await assert.rejects(append({ timeoutMs: 200 }), { code: "unknown" });
  storing.note(false);
  assert.match(String(storing.trouble()), /disk may be full/);

  process.kill(nats.pid ?? assert.fail(), "SIGCONT");
  await eventually(() => storing.ok());
  assert.equal(storing.trouble(), undefined);
  storing.check();
});
