import { evolve, newTaskId, streams, type TaskState } from "@jetscribe/schema";
import { eventually, natsVersions } from "@jetscribe/testing";
import assert from "node:assert/strict";
import { describe, test } from "vitest";
import { decodeEvent } from "../codec/codec.ts";
import { findTask, makeLogIndex } from "./lookUp.ts";
import { messageAt } from "../broker/streamState.ts";
import {
  completed,
  openLog,
  queue,
  requestedBy,
  started,
  type Log,
} from "../../test/eventLogTestKit.ts";

const soon = () => AbortSignal.timeout(10_000);
const owner = queue.owner;

/** A task id of another time. */
const idAt = (ms: number) => {
  const hex = ms.toString(16).padStart(12, "0");
  return `${hex.slice(0, 8)}-${hex.slice(8)}${newTaskId().slice(13)}`;
};

/** Appends a request, and gives the state that it makes. */
async function request(log: Log, task_id = newTaskId()): Promise<TaskState> {
  const seq = await log.append(requestedBy(queue, { task_id }));
  const message = await messageAt(log.broker, streams.events, seq);
  const decoded = message && decodeEvent(message);
  assert.ok(decoded && "event" in decoded);
  const state = evolve(undefined, decoded.event);
  assert.ok(state);
  return state;
}

for (const version of await natsVersions())
  describe(`lookUp, the ${version} nats-server`, () => {
    test("a task is found at once, in each of its states", async () => {
      await using log = await openLog(version);
      await log.request(600);
      const taskId = newTaskId();
      const find = () => findTask(log.broker, { taskId, owner }, soon());
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
        assert.ok(await findTask(log.broker, { taskId, owner }, soon()));
      }
    });

    test("only for its owner", async () => {
      await using log = await openLog(version);
      const [taskId = ""] = await log.request(1, { ...queue, owner: "b" });
      assert.equal(
        await findTask(log.broker, { taskId, owner }, soon()),
        undefined,
      );
      assert.ok(await findTask(log.broker, { taskId, owner: "b" }, soon()));
    });

    test("found where its id is up to 2 minutes ahead of the log's times, or however far behind them", async () => {
      await using log = await openLog(version);
      const found = async (offMs: number) => {
        const { task_id: taskId } = await request(
          log,
          idAt(Date.now() + offMs),
        );
        return (
          (await findTask(log.broker, { taskId, owner }, soon())) !== undefined
        );
      };
      await log.request(1);
      assert.equal(await found(-118_000), true);
      assert.equal(await found(118_000), true);
      // As where the broker's clock was set back: what was stored before it has later times.
      assert.equal(await found(-3_600_000), true);
      assert.equal(
        await findTask(log.broker, { taskId: "no id", owner }, soon()),
        undefined,
      );
    });

    test("a look-up ends at its deadline", async () => {
      await using log = await openLog(version);
      const [taskId = ""] = await log.request(1);
      await log.nats.kill("SIGSTOP");
      // The broker stays frozen: only the deadline ends it.
      await assert.rejects(
        findTask(log.broker, { taskId, owner }, AbortSignal.timeout(200)),
        { name: "TimeoutError" },
      );
      await log.nats.kill("SIGCONT");
    });

    test("an index says what the log shows as of the call, for tasks older than the first it was asked for too", async () => {
      await using log = await openLog(version);
      const oldest = await request(log);
      await log.append(completed(oldest.task_id));
      const tasks = [
        await request(log),
        await request(log),
        await request(log),
      ] as const;
      await log.append(started(tasks[1].task_id));
      await using index = makeLogIndex(log.broker);
      const statusOf = async (at: 0 | 1 | 2) =>
        (await index.stateOf(tasks[at]))?.status;
      assert.equal(await statusOf(1), "processing");
      await log.append(completed(tasks[1].task_id));
      assert.equal(await statusOf(1), "completed");
      await log.append(completed(tasks[0].task_id));
      assert.deepEqual(
        await Promise.all([statusOf(0), statusOf(1), statusOf(2)]),
        ["completed", "completed", "queued"],
      );
      assert.equal((await index.stateOf(oldest))?.status, "completed");
      await log.append(started(tasks[2].task_id));
      assert.equal(await statusOf(2), "processing");
    });

    test("an index that holds too much begins anew at the oldest task in question", async () => {
      await using log = await openLog(version);
      const old = await request(log);
      for (const id of await log.request(20)) await log.append(started(id));
      await using index = makeLogIndex(log.broker, { most: 10 });
      assert.equal((await index.stateOf(old))?.status, "queued");
      const [late, later] = [await request(log), await request(log)];
      await log.append(started(late.task_id));
      const statuses = async (...tasks: TaskState[]) => {
        const states = await Promise.all(
          tasks.map((task) => index.stateOf(task)),
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

    test("an index outlives a restart of the broker", async () => {
      await using log = await openLog(version);
      const task = await request(log);
      await using index = makeLogIndex(log.broker);
      assert.equal((await index.stateOf(task))?.status, "queued");
      await log.nats.kill("SIGKILL");
      await eventually(() => !log.broker.connected);
      await log.nats.restart();
      await log.broker.whenConnected();
      await log.append(completed(task.task_id));
      assert.equal((await index.stateOf(task))?.status, "completed");
    });

    test("an index knows a task whose request the log has lost", async () => {
      await using log = await openLog(version);
      const task = await request(log);
      const other = await request(log);
      await using index = makeLogIndex(log.broker);
      const lost = { ...other, task_id: newTaskId() };
      assert.equal(await index.stateOf(lost), undefined);
      assert.equal(await index.stateOf({ ...other, seq: 3 }), undefined);
      await log.broker.jsm.streams.deleteMessage(streams.events, task.seq);
      assert.equal((await index.stateOf(task))?.status, "queued");
    });
  });
