import { upperBound, type StatisticsRow } from "@jetscribe/schema";
import {
  eventually,
  natsVersions,
  testRandom,
  type Random,
} from "@jetscribe/testing";
import assert from "node:assert/strict";
import { describe, test } from "vitest";
import { openLog } from "../../test/eventLogTestKit.ts";
import {
  askStatistics,
  askTaskIndex,
  askTaskList,
  serveTaskIndex,
  type StatisticsAnswer,
} from "./taskIndex.ts";

const durations = (random: Random) => {
  const buckets = Array.from({ length: 129 }, (_, i) => ({
    ...{ le: upperBound(i), count: random.int(1, 1_000_000) },
  }));
  const quantiles = { p50: 0.01, p95: 1.3, p99: 2_000 };
  return { count: 129, sum: 12.5, ...quantiles, histogram: buckets };
};

/** One step of as many models and lanes as can be, each with all histograms, and all buckets in them. */
const largestStep = (random: Random): StatisticsRow[] =>
  Array.from({ length: 256 }, (_, i) => ({
    ...{ time: 1_764_000_000, model: `model-${i}`, lane: "batch" },
    ...{ accepted: random.int(0, 1e6), started: 1, retried: 0 },
    ...{ completed: random.int(0, 1e6), failed: 0, cancelled: 0, failures: {} },
    ...{ prompt_tokens: random.int(0, 1e9), completion_tokens: 1 },
    ...{ waiting: 0, running: 0 },
    ...{ wait: durations(random), first_token: durations(random) },
    ...{ processing: durations(random), total: durations(random) },
  }));

for (const version of await natsVersions())
  describe(`questions to the task index, the ${version} nats-server`, () => {
    // Rejected by the client, it would end the results service.
    test("what is more than one message holds is not answered, and the next question is", async () => {
      await using log = await openLog(version, {}, { maxPayload: "64KB" });
      const { broker } = log;
      const at = { created: "", position: 1 };
      const none = () => Promise.resolve(at);
      using _serving = serveTaskIndex(broker, {
        ...{ moment: none, density: none, statistics: none },
        seqs: () => Promise.resolve({ ...at, seqs: [1] }),
        list: () =>
          Promise.resolve({
            ...at,
            page: { tasks: [], cursor: "f".repeat(65_536) },
          }),
      });
      const end = { created: "", lastSeq: 1 };
      const list = await askTaskList(broker, end, { limit: 1 });
      assert.equal(list, undefined);
      const seqs = await eventually(() => askTaskIndex(broker, "id", end));
      assert.deepEqual(seqs, [1]);
    });

    test("the largest step that the statistics can have fits into a message of 1 MB", async () => {
      await using log = await openLog(version, {}, { maxPayload: "1MB" });
      const { broker } = log;
      const range = { from: 1_764_000_000, to: 1_764_003_600, step: 3_600 };
      const rows = largestStep(testRandom());
      assert.ok(JSON.stringify(rows).length > 3_000_000);
      const answer: StatisticsAnswer = {
        ...{ created: "", position: 1, time: 1 },
        parts: [{ ...range, rows }],
      };
      const none = () => Promise.resolve({ created: "", position: 1 });
      using _serving = serveTaskIndex(broker, {
        ...{ moment: none, density: none, list: none, seqs: none },
        statistics: () => Promise.resolve(answer),
      });
      const wanted = { parts: [range], byModel: true, histograms: true };
      const end = { created: "", lastSeq: 1 };
      // A busy machine may be late with an answer of this size.
      const told = await eventually(() => askStatistics(broker, end, wanted));
      // As texts: a difference of objects of this size is nothing to be shown.
      assert.ok(JSON.stringify(told.parts) === JSON.stringify(answer.parts));
    });
  });
