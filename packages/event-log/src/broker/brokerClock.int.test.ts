import { streams } from "@jetscribe/schema";
import { eventually, natsVersions } from "@jetscribe/testing";
import assert from "node:assert/strict";
import { setTimeout as sleep } from "node:timers/promises";
import { describe, test, vi } from "vitest";
import { makeBrokerClock } from "./brokerClock.ts";
import { openLog } from "../../test/eventLogTestKit.ts";

const dayMs = 86_400_000;
/** The broker runs on this machine, so its time is the real one here. */
const realMs = Date.now.bind(Date);
/** On a busy machine the answer may be late. */
const toleratedMs = 60_000;
const isRight = (ms: number) => Math.abs(ms - realMs()) < toleratedMs;

for (const version of await natsVersions())
  describe(`the broker's clock, the ${version} nats-server`, () => {
    test("is right on a machine whose clock is a day ahead, and stays so when that is set", async () => {
      await using log = await openLog(version);
      let stepMs = dayMs;
      vi.spyOn(Date, "now").mockImplementation(() => realMs() + stepMs);
      const corrections: number[] = [];
      using clock = await makeBrokerClock(log.broker, "gateway", {
        onCorrected: (byMs) => corrections.push(byMs),
      });
      assert.ok(isRight(clock.nowMs()));
      assert.ok(isRight(clock.nowS() * 1_000));
      const steadyS = clock.steadyS();
      stepMs = -dayMs;
      assert.ok(isRight(clock.nowMs()));
      assert.ok(isRight(steadyS() * 1_000));
      const [correction = 0, ...more] = corrections;
      assert.ok(Math.abs(correction + dayMs) < toleratedMs);
      assert.deepEqual(more, []);
    });

    test("is read again at once after a slow first answer, which proves little, and soon where all are slow", async () => {
      for (const [slow, ms] of [
        [1, 3_000],
        [3, 1_000],
      ] as const) {
        await using log = await openLog(version);
        let readings = 0;
        const { nc, subjects } = log.broker;
        const request = nc.request.bind(nc);
        nc.request = async (...asked) => {
          const isReading = asked[0] === subjects.log("gateway");
          if (isReading && ++readings <= slow) await sleep(ms);
          return await request(...asked);
        };
        const corrections: number[] = [];
        using clock = await makeBrokerClock(log.broker, "gateway", {
          onCorrected: (byMs) => corrections.push(byMs),
          readEveryMs: 3_600_000,
        });
        // It was never off by the second that is told of, as it would be halfway between the bounds of 3 s.
        assert.deepEqual(corrections, []);
        await eventually(() => readings > slow);
        await eventually(() => Math.abs(clock.nowMs() - realMs()) < 500);
      }
    });

    test("goes on while the broker is away, and is read again when it is back", async () => {
      await using log = await openLog(version);
      using clock = await makeBrokerClock(log.broker, "gateway", {
        readEveryMs: 3_600_000,
      });
      const readings = async () =>
        (await log.broker.jsm.streams.info(streams.logs)).state.messages;
      const before = await readings();
      await log.nats.kill("SIGKILL");
      await eventually(() => !log.broker.connected);
      assert.ok(isRight(clock.nowMs()));
      await log.nats.restart();
      await log.broker.whenConnected();
      await eventually(async () => (await readings()) > before);
      assert.ok(isRight(clock.nowMs()));
    });

    test("begins with the machine's time where it can't be read, and is corrected once it can", async () => {
      await using log = await openLog(version);
      await log.broker.jsm.streams.delete(streams.logs);
      vi.spyOn(Date, "now").mockImplementation(() => realMs() - dayMs);
      using clock = await makeBrokerClock(log.broker, "gateway");
      assert.ok(isRight(clock.nowMs() + dayMs));
      assert.equal(clock.isRead(), false);
      await log.broker.jsm.streams.add({
        name: streams.logs,
        subjects: ["llm.logs.*"],
      });
      await eventually(() => isRight(clock.nowMs()));
      assert.equal(clock.isRead(), true);
    });
  });
