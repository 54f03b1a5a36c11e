import { evolve, newTaskId, streams, type TaskState } from "@jetscribe/schema";
import { eventually, natsVersions } from "@jetscribe/testing";
import assert from "node:assert/strict";
import { describe, test } from "vitest";
import type { Broker } from "../broker/connection.ts";
import { eventAt } from "../broker/streamState.ts";
import { makeLogFollower } from "./followLog.ts";
import { readHighWaterMark } from "./highWaterMark.ts";
import {
  completed,
  openLog,
  queue,
  requestedBy,
  started,
  type Log,
} from "../../test/eventLogTestKit.ts";

/** Appends a request, and gives the state that it makes. */
async function request(log: Log, task_id = newTaskId()): Promise<TaskState> {
  const seq = await log.append(requestedBy(queue, { task_id }));
  const event = await eventAt(log.broker, seq);
  const state = event && evolve(undefined, event);
  assert.ok(state);
  return state;
}

/** A follower that is asked as of each call. */
function follow(broker: Broker, options = {}) {
  const follower = makeLogFollower(broker, options);
  return {
    stateOf: async (task: TaskState) =>
      follower.stateOf(task, await readHighWaterMark(broker)),
    [Symbol.asyncDispose]: () => follower[Symbol.asyncDispose](),
  };
}

for (const version of await natsVersions())
  describe(`a follower of the log, the ${version} nats-server`, () => {
    test("says what the log shows as of the call, for tasks older than the first it was asked for too", async () => {
      await using log = await openLog(version);
      const oldest = await request(log);
      await log.append(completed(oldest.task_id));
      const tasks = [
        await request(log),
        await request(log),
        await request(log),
      ] as const;
      await log.append(started(tasks[1].task_id));
      await using follower = follow(log.broker);
      const statusOf = async (at: 0 | 1 | 2) =>
        (await follower.stateOf(tasks[at]))?.status;
      assert.equal(await statusOf(1), "processing");
      await log.append(completed(tasks[1].task_id));
      assert.equal(await statusOf(1), "completed");
      await log.append(completed(tasks[0].task_id));
      assert.deepEqual(
        await Promise.all([statusOf(0), statusOf(1), statusOf(2)]),
        ["completed", "completed", "queued"],
      );
      assert.equal((await follower.stateOf(oldest))?.status, "completed");
      await log.append(started(tasks[2].task_id));
      assert.equal(await statusOf(2), "processing");
    });

    test("that holds too much begins anew at the oldest task in question", async () => {
      await using log = await openLog(version);
      const old = await request(log);
      for (const id of await log.request(20)) await log.append(started(id));
      await using follower = follow(log.broker, { maxTasks: 10 });
      assert.equal((await follower.stateOf(old))?.status, "queued");
      const [late, later] = [await request(log), await request(log)];
      await log.append(started(late.task_id));
      const statuses = async (...tasks: TaskState[]) => {
        const states = await Promise.all(
          tasks.map((task) => follower.stateOf(task)),
        );
        return states.map((state) => state?.status);
      };
      assert.deepEqual(await statuses(later, late), ["queued", "processing"]);
      const readsFrom = async () => {
        const readers = await log.broker.jsm.consumers
          .list(streams.events)
          .next();
        return readers.flatMap(({ config }) => config.opt_start_seq ?? []);
      };
      await eventually(async () => {
        assert.deepEqual(await readsFrom(), [late.seq]);
        return true;
      });
      await log.append(completed(old.task_id));
      assert.deepEqual(await statuses(later, old), ["queued", "completed"]);
    });

    test("outlives a restart of the broker", async () => {
      await using log = await openLog(version);
      const task = await request(log);
      await using follower = follow(log.broker);
      assert.equal((await follower.stateOf(task))?.status, "queued");
      await log.nats.kill("SIGKILL");
      await eventually(() => !log.broker.connected);
      await log.nats.restart();
      await log.broker.whenConnected();
      await log.append(completed(task.task_id));
      assert.equal((await follower.stateOf(task))?.status, "completed");
    });

    test("knows a task whose request the log has lost", async () => {
      await using log = await openLog(version);
      const task = await request(log);
      const other = await request(log);
      await using follower = follow(log.broker);
      const lost = { ...other, task_id: newTaskId() };
      assert.equal(await follower.stateOf(lost), undefined);
      await log.broker.jsm.streams.deleteMessage(streams.events, task.seq);
      assert.equal((await follower.stateOf(task))?.status, "queued");
    });
  });
