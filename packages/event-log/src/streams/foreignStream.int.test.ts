/** What stands on a shared broker already: nothing of it is changed, and nothing of ours is left beside it. */
import { startNats, natsVersions } from "@jetscribe/testing";
import type { StreamConfig } from "@nats-io/jetstream";
import assert from "node:assert/strict";
import { describe, test } from "vitest";
import { connectBroker } from "../broker/connection.ts";
import { applyStreams, planStreams } from "./streamPlan.ts";
import { settings } from "../../test/eventLogTestKit.ts";
import { ensureTopology } from "./topology.ts";

for (const version of await natsVersions())
  describe(`a shared broker, the ${version} nats-server`, () => {
    const foreign: {
      stream: Partial<StreamConfig> & { name: string };
      why: RegExp;
    }[] = [
      {
        stream: { name: "EVENTS", subjects: ["orders.>"] },
        why: /^stream EVENTS belongs .*\(its subjects are orders\.>, not llm\.events\.>\): set NAMESPACE/,
      },
      {
        stream: { name: "LOGS", subjects: ["llm.logs.*", "orders.*"] },
        why: /^stream LOGS belongs .* are llm\.logs\.\*, orders\.\*, not llm\.logs\.\*\): set NAMESPACE/,
      },
      {
        stream: { name: "ORDERS", subjects: ["llm.events.requested.>"] },
        why: /^stream ORDERS belongs .* takes messages of llm\.events\.>, .*: set NAMESPACE/,
      },
      {
        stream: { name: "TOKENS", subjects: ["llm.tokens.*.more"] },
        why: /^stream TOKENS belongs .*: set NAMESPACE/,
      },
      {
        stream: { name: "ORDERS", subjects: ["llm.tokens.a"] },
        why: /^stream ORDERS belongs .* takes messages of llm\.tokens\.\*, .*: set NAMESPACE/,
      },
      {
        stream: { name: "ORDERS", subjects: ["llm.*"] },
        why: /^stream ORDERS belongs .* takes messages of llm\.index, .*: set NAMESPACE/,
      },
      {
        stream: { name: "ORDERS", subjects: ["llm.list"] },
        why: /^stream ORDERS belongs .* takes messages of llm\.list, .*: set NAMESPACE/,
      },
      {
        stream: { name: "ORDERS", subjects: ["llm.statistics"] },
        why: /^stream ORDERS belongs .* takes messages of llm\.statistics, .*: set NAMESPACE/,
      },
      {
        stream: { name: "ORDERS", subjects: ["llm.metrics"] },
        why: /^stream ORDERS belongs .* takes messages of llm\.metrics, .*: set NAMESPACE/,
      },
    ];

    for (const { stream, why } of foreign)
      test(`${stream.name} with ${String(stream.subjects)} is refused and stays as it is`, async () => {
        await using nats = await startNats({ version });
        const { url } = nats;
        await using broker = await connectBroker({ url, name: "test" });
        const { streams } = broker.jsm;
        await streams.add({ ...stream, max_bytes: 10_000 });
        const { config } = await streams.info(stream.name);
        const refused = {
          ...{ name: "TopologyError", code: "TOPOLOGY", message: why },
        };
        await assert.rejects(ensureTopology(broker, settings), refused);
        await assert.rejects(planStreams(broker, settings), refused);
        await assert.rejects(applyStreams(broker, settings), refused);
        assert.deepEqual((await streams.info(stream.name)).config, config);
        assert.deepEqual(await streams.names().next(), [stream.name]);
        const namespace = "shop";
        await using beside = await connectBroker({
          ...{ url, name: "test", namespace },
        });
        assert.deepEqual(await ensureTopology(beside, settings), []);
        assert.deepEqual((await streams.info(stream.name)).config, config);
      });

    test("a mirror of the name is refused, and foreign streams of other subjects are no matter", async () => {
      await using nats = await startNats({ version });
      await using broker = await connectBroker({ url: nats.url, name: "test" });
      const { streams } = broker.jsm;
      await streams.add({
        name: "ORDERS",
        subjects: ["orders.>", "llm.stored.>"],
      });
      await streams.add({ name: "EVENTS", mirror: { name: "ORDERS" } });
      await assert.rejects(ensureTopology(broker, settings), {
        message: /^stream EVENTS belongs .*its subjects are none/,
      });
      await streams.delete("EVENTS");
      assert.deepEqual(await ensureTopology(broker, settings), []);
    });
  });
