import { natsVersions } from "@jetscribe/testing";
import assert from "node:assert/strict";
import { describe, test } from "vitest";
import { openLog } from "../../test/eventLogTestKit.ts";
import { askTaskIndex, askTaskList, serveTaskIndex } from "./taskIndex.ts";

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
      assert.deepEqual(await askTaskIndex(broker, "id", end), [1]);
    });
  });
