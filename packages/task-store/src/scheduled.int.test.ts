/** Tasks with a `not_before`: in nobody's way until their time, and unfinished all the while. */
import {
  newTaskId,
  type OpenTask,
  type QueuedTask,
  type TaskState,
} from "@jetscribe/schema";
import { eventually, redisPrefix, withRedis } from "@jetscribe/testing";
import assert from "node:assert/strict";
import { test } from "vitest";
import {
  connectStore,
  makeTaskReader,
  makeTaskWriter,
  type Change,
  type Checkpoint,
} from "./index.ts";

const now = 1_764_000_000;
const queue = { model: "demo", lane: "interactive", owner: "a" } as const;
const name = "demo:interactive:a";

function queued(seq: number, over: Partial<QueuedTask> = {}): QueuedTask {
  return {
    ...{ ...queue, task_id: newTaskId(), status: "queued", seq },
    ...{ enqueue_time: now, timeout_ms: 300_000, start_timeout_ms: 60_000 },
    ...{ max_tokens: 16, attempt: 0, failures: 0, ...over },
  };
}
const running = (task: QueuedTask): OpenTask => ({
  ...{ ...task, status: "processing", attempt: 1 },
  ...{ first_start: now, worker_id: "w" },
});

const at = (seq: number): Checkpoint => ({
  ...{ created: "2026-01-01T00:00:00Z", seq, id: `${seq}`, caughtUp: true },
  ...{ beat: 1, bytes: 0 },
  open: { tasks: 0, tokens: 0, bytes: 0, bytesPerToken: 8 },
});

/** A store with these tasks, and a reader whose clock the test sets. */
async function withTasks(
  tasks: readonly TaskState[],
  run: (on: {
    reader: ReturnType<typeof makeTaskReader>;
    change: (changed: readonly Change[]) => Promise<void>;
    setTime: (seconds: number) => void;
    keys: () => Promise<string[]>;
  }) => Promise<void>,
): Promise<void> {
  await withRedis(async ({ url }) => {
    const prefix = redisPrefix;
    const patient = { url, prefix, silenceMs: 60_000 };
    await using own = connectStore({ ...patient, name: "writer" });
    await using shared = connectStore({ ...patient, name: "reader" });
    await eventually(() => own.ready() && shared.ready(), { everyMs: 2 });
    let time = now;
    let seq = 0;
    const nowMs = () => time * 1_000;
    const longest = { resultTtlMs: 3_600_000, longestWaitMs: 1e9 };
    const writer = makeTaskWriter(own, { ...longest, now: nowMs });
    const change = async (changed: readonly Change[]) => {
      const expected = seq === 0 ? undefined : at(seq);
      assert.ok(await writer.commit({ expected, next: at(++seq), changed }));
    };
    await change(tasks.map((after) => ({ before: undefined, after })));
    await run({
      reader: makeTaskReader(shared, nowMs),
      change,
      setTime: (seconds) => void (time = seconds),
      keys: async () =>
        (await shared.redis.keys(`${prefix}*`)).map((key) =>
          key.slice(prefix.length),
        ),
    });
  });
}

test("a scheduled task is ahead of nobody before its time, and first in its queue after it", async () => {
  const later = queued(1, { not_before: now + 60 });
  const other = queued(2);
  await withTasks([later, other], async ({ reader, setTime }) => {
    const places = async () =>
      (await reader.places([later, other])).map((place) => place?.position);
    const waiting = async () => (await reader.backlog())[0]?.waiting;
    const active = async () => (await reader.active("demo")).queues;
    const forLater = async () => (await reader.openCounts())[0]?.later;
    assert.equal(await forLater(), 1);
    assert.deepEqual(await places(), [undefined, 1]);
    assert.equal(await waiting(), 1);
    assert.deepEqual(await active(), [{ queue, waiting: 1, running: 0 }]);
    setTime(now + 60);
    assert.equal(await forLater(), 0);
    assert.deepEqual(await places(), [1, 2]);
    assert.equal(await waiting(), 2);
    assert.deepEqual(await active(), [{ queue, waiting: 2, running: 0 }]);
  });
});

test("it is unfinished all the while: by the limits, for the queue keeper, and for what the log has to keep", async () => {
  const later = queued(1, { not_before: now + 60 });
  const other = queued(2);
  await withTasks([later, other], async ({ reader, change, keys }) => {
    const unfinished = await reader.unfinished();
    assert.equal(unfinished?.waiting, 2);
    assert.deepEqual([...unfinished.byOwner], [["a", 2]]);
    assert.deepEqual(await reader.queues(), [{ queue, waiting: 2 }]);
    assert.equal((await reader.startOf(queue))?.fromSeq, 1);
    const counted = [1, 2].map((seq) => ({ queue, seq }));
    assert.deepEqual(await reader.countOpen(counted), [1, 2]);
    assert.equal((await reader.logUse(0))?.oldestOpen?.seq, 1);
    assert.deepEqual(await reader.openQueues(), [queue]);
    const oldest = await reader.oldestWaiting(queue, 1);
    assert.deepEqual(oldest, [{ id: later.task_id, seq: 1 }]);

    await change([{ before: other, after: running(other) }]);
    assert.deepEqual(await reader.queues(), [{ queue, waiting: 1 }]);
    const started = running(later);
    await change([{ before: later, after: started }]);
    assert.deepEqual(await reader.queues(), []);
    assert.deepEqual(await reader.countOpen(counted), [1, 2]);
    // Handed back it waits as any other.
    const again: TaskState = { ...later, attempt: 1, first_start: now };
    await change([{ before: started, after: again }]);
    assert.deepEqual(await reader.queues(), [{ queue, waiting: 1 }]);
    assert.equal((await reader.places([again]))[0]?.position, 1);
    assert.ok(!(await keys()).some((key) => /^(later|scheduled)/.test(key)));
  });
});

test("it hides no overdue task, and is overdue itself by its own time", async () => {
  const patient = { start_timeout_ms: 1e9 };
  const later = queued(1, { not_before: now + 60, start_timeout_ms: 30_000 });
  const overdue = queued(2, patient);
  const long = queued(3, { not_before: now + 60, ...patient });
  await withTasks([later, overdue, long], async ({ reader }) => {
    const ids = (seconds: number) =>
      reader.perhapsOverdue(seconds, { ofEach: 1, early: 100 });
    assert.deepEqual(await ids(now + 89), [overdue.task_id]);
    assert.deepEqual(await ids(now + 90), [later.task_id, overdue.task_id]);
    assert.equal(await reader.overdue(now + 91), 1);
    assert.ok((await ids(now + 60 + 1e6)).includes(long.task_id));
  });
});

test("the queues are told in which tasks become due in a time, and when the next one does", async () => {
  const of = (owner: string, not_before: number) => queued(1, { owner, not_before }); // prettier-ignore
  const tasks = [of("a", now + 1), of("b", now + 2), of("b", now + 2), of("c", now + 3)]; // prettier-ignore
  const many = Array.from({ length: 1_500 }, () => of("d", now + 9));
  await withTasks([...tasks, ...many], async ({ reader, setTime }) => {
    const owners = async (after: number, upTo: number) => {
      const { queues, next } = await reader.due(after, upTo);
      return [queues.map(({ owner }) => owner), next];
    };
    assert.deepEqual(await owners(-Infinity, now), [[], now + 1]);
    assert.deepEqual(await owners(now, now + 2), [["a", "b"], now + 3]);
    assert.deepEqual(await owners(now + 2, now + 8), [["c"], now + 9]);
    assert.deepEqual(await owners(now + 3, now + 9), [["d"], undefined]);
    setTime(now + 9);
    // Of those that are due no more than a thousand are counted.
    const waiting = (await reader.backlog()).map(({ waiting }) => waiting);
    assert.equal(waiting.reduce((sum, count) => sum + count, 0), 1_000); // prettier-ignore
    assert.equal((await reader.unfinished())?.waiting, 1_504);
  });
});

test(`the names of its keys go with ${name}'s projection`, async () => {
  const later = queued(1, { not_before: now + 60 });
  await withTasks([later], async ({ keys, change }) => {
    const all = (await keys()).toSorted();
    assert.ok(all.includes(`later:${name}`) && all.includes("scheduled"));
    const ended = { ...later, status: "cancelled" } as TaskState;
    const times = { end_time: now, end_seq: 2, metrics: {} };
    await change([{ before: later, after: Object.assign(ended, times) }]);
    const left = await keys();
    assert.ok(!left.some((key) => /^(later|scheduled|queue)/.test(key)));
  });
});
