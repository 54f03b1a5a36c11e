import { newTaskId } from "@jetscribe/schema";
import { natsVersions } from "@jetscribe/testing";
import assert from "node:assert/strict";
import { describe, test } from "vitest";
import { readHighWaterMark } from "./highWaterMark.ts";
import { searchHistory, searchLog } from "./searchLog.ts";
import {
  completed,
  findInLog,
  openLog,
  queue,
  requestedBy,
  started,
} from "../../test/eventLogTestKit.ts";

const owner = queue.owner;

/** A task id of another time. */
const idAt = (ms: number) => {
  const hex = ms.toString(16).padStart(12, "0");
  return `${hex.slice(0, 8)}-${hex.slice(8)}${newTaskId().slice(13)}`;
};

for (const version of await natsVersions())
  describe(`a search in the log, the ${version} nats-server`, () => {
    test("a task is found at once, in each of its states", async () => {
      await using log = await openLog(version);
      await log.request(600);
      const taskId = newTaskId();
      const find = () => findInLog(log.broker, { task_id: taskId, owner });
      assert.equal(await find(), undefined);
      await log.append(requestedBy(queue, { task_id: taskId }));
      assert.equal((await find())?.status, "queued");
      await log.request(600);
      await log.append(started(taskId));
      assert.equal((await find())?.status, "processing");
      await log.append(completed(taskId));
      const found = await find();
      assert.equal(found?.status, "completed");
      assert.equal(found.result, "the result");
      assert.equal(found.first_start !== undefined, true);
    });

    test("never missed right behind its PubAck", async () => {
      await using log = await openLog(version);
      for (let at = 0; at < 100; at++) {
        const [taskId = ""] = await log.request(1);
        assert.ok(await findInLog(log.broker, { task_id: taskId, owner }));
      }
    });

    test("only for its owner", async () => {
      await using log = await openLog(version);
      const [taskId = ""] = await log.request(1, { ...queue, owner: "b" });
      assert.equal(
        await findInLog(log.broker, { task_id: taskId, owner }),
        undefined,
      );
      assert.ok(await findInLog(log.broker, { task_id: taskId, owner: "b" }));
    });

    test("all its events are found, whoever's it is, and of none there is nothing", async () => {
      await using log = await openLog(version);
      const historyOf = async (task_id: string) => {
        const end = await readHighWaterMark(log.broker);
        const signal = AbortSignal.timeout(60_000);
        return await searchHistory(log.broker, { task_id }, end, signal);
      };
      const taskId = newTaskId();
      const of = { ...queue, owner: "b" };
      const events = [requestedBy(of, { task_id: taskId }), started(taskId)];
      const seqs = [];
      for (const event of [...events, completed(taskId)]) {
        await log.request(10, of);
        seqs.push(await log.append(event, of));
      }
      const found = await historyOf(taskId);
      assert.deepEqual(
        found.map(({ seq, type }) => [seq, type]),
        [
          [seqs[0], "GenerateRequested"],
          [seqs[1], "GenerateStarted"],
          [seqs[2], "GenerateCompleted"],
        ],
      );
      assert.deepEqual(await historyOf(newTaskId()), []);
      assert.deepEqual(await historyOf("no id"), []);
    });

    test("found where its id is up to 2 minutes ahead of the log's times, or however far behind them", async () => {
      await using log = await openLog(version);
      const found = async (offMs: number) => {
        const taskId = idAt(Date.now() + offMs);
        await log.append(requestedBy(queue, { task_id: taskId }));
        return (
          (await findInLog(log.broker, { task_id: taskId, owner })) !==
          undefined
        );
      };
      await log.request(1);
      assert.equal(await found(-118_000), true);
      assert.equal(await found(118_000), true);
      // As where the broker's clock was set back: what was stored before it has later times.
      assert.equal(await found(-3_600_000), true);
      assert.equal(
        await findInLog(log.broker, { task_id: "no id", owner }),
        undefined,
      );
    });

    test("a look-up ends at its deadline", async () => {
      await using log = await openLog(version);
      const [task_id = ""] = await log.request(1);
      const end = await readHighWaterMark(log.broker);
      await log.nats.kill("SIGSTOP");
      // The broker stays frozen: only the deadline ends it.
      const deadline = AbortSignal.timeout(200);
      await assert.rejects(
        searchLog(log.broker, { task_id, owner }, end, deadline),
        { name: "TimeoutError" },
      );
      await log.nats.kill("SIGCONT");
    });
  });
