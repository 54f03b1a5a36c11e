/** What an operator is told before the streams are changed, and what the change does. */
import { streams } from "@jetscribe/schema";
import { natsVersions } from "@jetscribe/testing";
import { DiscardPolicy } from "@nats-io/jetstream";
import { nanos } from "@nats-io/nats-core";
import assert from "node:assert/strict";
import { describe, test } from "vitest";
import { limitOf } from "./logLimit.ts";
import {
  applyStreams,
  planStreams,
  StreamsRefusedError,
} from "./streamPlan.ts";
import { streamState } from "../broker/streamState.ts";
import {
  completed,
  openLog,
  queue,
  requestedBy,
  settings,
} from "../../test/eventLogTestKit.ts";
import { ensureTopology } from "./topology.ts";

for (const version of await natsVersions())
  describe(`streams plan and apply, the ${version} nats-server`, () => {
    test("where all is as it should be there is nothing to do, and a plan changes nothing", async () => {
      await using log = await openLog(version);
      const { jsm } = log.broker;
      const nothing = { changes: [], kept: [], losses: [], refusals: [] };
      for (const { stream: _, ...plan } of await planStreams(
        log.broker,
        settings,
      ))
        assert.deepEqual(plan, { missing: false, ...nothing });
      const before = (await jsm.streams.info(streams.events)).config;
      await planStreams(log.broker, { ...settings, eventsMaxBytes: 2 ** 20 });
      assert.deepEqual((await jsm.streams.info(streams.events)).config, before);
      await jsm.streams.delete(streams.tokens);
      const plans = await applyStreams(log.broker, settings);
      assert.deepEqual(
        plans.filter(({ missing }) => missing).map(({ stream }) => stream),
        [streams.tokens],
      );
      assert.deepEqual(await ensureTopology(log.broker, settings), []);
    });

    test("an EVENTS of an earlier version drops nothing from then on, and loses nothing by the change", async () => {
      await using log = await openLog(version);
      const { jsm } = log.broker;
      await log.request(5);
      await jsm.streams.update(streams.events, {
        discard: DiscardPolicy.Old,
        max_age: nanos(86_400_000),
        max_bytes: settings.eventsMaxBytes,
      });
      await assert.rejects(ensureTopology(log.broker, settings));
      const [events] = await planStreams(log.broker, settings);
      assert.deepEqual(events?.changes.map(({ field }) => field).toSorted(), [
        "discard",
        "max_age",
        "max_bytes",
      ]);
      assert.deepEqual([events?.losses, events?.refusals], [[], []]);
      await applyStreams(log.broker, settings);
      assert.deepEqual(await ensureTopology(log.broker, settings), []);
      assert.equal((await streamState(log.broker, streams.events)).messages, 5);
    });

    test("a smaller log names what goes, and is refused where unfinished requests would not fit", async () => {
      await using log = await openLog(version);
      const { broker } = log;
      const prompt = "x".repeat(10_000);
      const big = () => requestedBy(queue, { prompt });
      const finished = big();
      await log.append(finished);
      await log.append(completed(finished.data.task_id));
      for (let i = 0; i < 3; i++) await log.append(big());
      const smaller = (eventsMaxBytes: number) => ({
        ...{ ...settings, eventsMaxBytes },
      });
      const [fits] = await planStreams(broker, smaller(35_000));
      assert.deepEqual(fits?.refusals, []);
      assert.match(String(fits?.losses), /finished history.* 3 unfinished/);
      const [tooSmall] = await planStreams(broker, smaller(30_000));
      assert.match(String(tooSmall?.refusals), /^3 unfinished requests/);
      await assert.rejects(applyStreams(broker, smaller(30_000)), {
        ...{ name: "TopologyError", message: /3 unfinished requests/ },
      });
      await applyStreams(broker, smaller(35_000));
      const { messages, maxBytes } = await streamState(broker, streams.events);
      assert.deepEqual([messages, limitOf(maxBytes)], [5, 35_000]);
    });

    test("a refused change holds up neither a missing stream nor another change", async () => {
      await using log = await openLog(version);
      const { broker } = log;
      const { jsm } = broker;
      const prompt = "x".repeat(10_000);
      for (let i = 0; i < 3; i++)
        await log.append(requestedBy(queue, { prompt }));
      await jsm.streams.delete(streams.webhooks);
      const wanted = {
        ...{ ...settings, eventsMaxBytes: 20_000, taskTimeoutMs: 60_000 },
        // No disk has room for it: this one the server refuses.
        auditMaxBytes: 2 ** 60,
      };
      await jsm.streams.delete(streams.audit);
      await assert.rejects(applyStreams(broker, wanted), (error) => {
        assert.ok(error instanceof StreamsRefusedError);
        assert.deepEqual(
          error.refusals.map(({ stream, missing }) => [stream, missing]),
          [
            [streams.audit, true],
            [streams.events, false],
          ],
        );
        return /^stream AUDIT: .*\nstream EVENTS: 3 unfinished/.test(
          error.message,
        );
      });
      const left = (await planStreams(broker, wanted)).filter(
        ({ missing, changes }) => missing || changes.length > 0,
      );
      assert.deepEqual(
        left.map(({ stream }) => stream),
        [streams.events, streams.audit],
      );
    });

    test("what the broker drops at once is named: text, log records, copies", async () => {
      await using log = await openLog(version);
      const { broker } = log;
      const timeout = { ...settings, taskTimeoutMs: 60_000 };
      const tokens = (await planStreams(broker, timeout))[1];
      assert.match(String(tokens?.losses), /TOKENS .*older than 180 s/);
      await broker.jsm.streams.update(streams.logs, { max_bytes: 2 ** 30 });
      await broker.nc.request("llm.logs.test", "a record", { timeout: 60_000 });
      assert.deepEqual((await planStreams(broker, settings))[2]?.losses, []);
    });
  });
