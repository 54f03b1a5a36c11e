import assert from "node:assert/strict";
import { once } from "node:events";
import { connect, createServer, type AddressInfo, type Socket } from "node:net";
import { setImmediate as turn } from "node:timers/promises";
import {
  newTaskId,
  slugOf,
  type Metrics,
  type QueuedTask,
  type TaskState,
} from "@jetscribe/schema";
import {
  eventually,
  redisPrefix,
  startRedis,
  withRedis,
  type TestServer,
} from "@jetscribe/testing";
import fc from "fast-check";
import type { Redis, RedisKey } from "ioredis";
import { afterAll, beforeAll, describe, test } from "vitest";
import {
  assertKeepsTasks,
  connectStore,
  dayOf,
  hearDone,
  makeTaskReader,
  makeTaskWriter,
  type Change,
  type Checkpoint,
} from "./index.ts";

const TTL_MS = 3_600_000;

/** A writer and a reader on connections of their own, which wait for a busy machine. */
async function open(
  url: string,
  {
    prefix = redisPrefix,
    silence = { silenceMs: 60_000 },
    ...options
  }: {
    prefix?: string;
    silence?: { silenceMs?: number };
    clearStep?: number;
    longestWaitMs?: number;
  } = {},
) {
  const [own, shared] = [
    connectStore({ url, prefix, name: "writer", ...silence }),
    connectStore({ url, prefix, name: "reader", ...silence }),
  ];
  await eventually(() => own.ready() && shared.ready(), { everyMs: 2 });
  return {
    ...{ redis: shared.redis, prefix, silenceMs: shared.silenceMs },
    reader: makeTaskReader(shared),
    writer: makeTaskWriter(own, { resultTtlMs: TTL_MS, ...options }),
    async [Symbol.asyncDispose]() {
      await Promise.all([own.close(), shared.close()]);
    },
  };
}

test("a writer shares its connection with no reader", async () => {
  await withRedis(async ({ url }) => {
    await using store = connectStore({
      url,
      prefix: redisPrefix,
      name: "both",
    });
    makeTaskWriter(store, { resultTtlMs: TTL_MS });
    assert.throws(() => makeTaskReader(store), /of its own/);
    await using other = connectStore({
      url,
      prefix: redisPrefix,
      name: "other",
    });
    makeTaskReader(other);
    assert.throws(
      () => makeTaskWriter(other, { resultTtlMs: TTL_MS }),
      /of its own/,
    );
  });
});

let lastSeq = 0;
function queued(over: Partial<QueuedTask> = {}): QueuedTask {
  return {
    task_id: newTaskId(),
    status: "queued",
    seq: ++lastSeq,
    model: "Qwen2.5-7B-Q4_K_M",
    lane: "interactive",
    owner: "default",
    enqueue_time: 1_764_000_000.125,
    timeout_ms: 300_000,
    start_timeout_ms: 1_296_000_000,
    max_tokens: 16,
    attempt: 0,
    failures: 0,
    ...over,
  };
}

const running = (task: QueuedTask): TaskState => ({
  ...task,
  status: "processing",
  attempt: 1,
  first_start: task.enqueue_time + 1,
  worker_id: "w-1",
});

const metrics: Metrics = {
  queue_wait_time: 1,
  processing_time: 2,
  total_time: 3,
  prompt_tokens: 4,
  completion_tokens: 5,
  tokens_per_second: 2.5,
};

/** Its outcome came so long ago. */
const completed = (
  task: QueuedTask,
  agoMs = 0,
  now = Date.now(),
): TaskState => ({
  ...task,
  status: "completed",
  attempt: 1,
  first_start: task.enqueue_time + 1,
  end_time: (now - agoMs) / 1_000,
  end_seq: task.seq + 1,
  metrics,
  result: "a text",
  finish_reason: "stop",
});

const added = (...tasks: TaskState[]): Change[] =>
  tasks.map((after) => ({ before: undefined, after }));

const at = (seq: number, caughtUp = true): Checkpoint => ({
  created: "2026-01-01T00:00:00Z",
  seq,
  id: `${seq}.requested`,
  caughtUp,
  beat: 1,
  bytes: 0,
  open: { tasks: 0, tokens: 0, bytes: 0, bytesPerToken: 8 },
});

test("tokens are reserved until the outcome and spent on its day, and no task without a limit counts", async () => {
  await using server = await startRedis();
  await using store = await open(server.url);
  const owned = (reserved_tokens: number) =>
    queued({ owner: "Team X", reserved_tokens });
  const [first, second, third] = [owned(100), owned(50), owned(70)];
  const dayMs = 86_400_000;
  // A bit ahead, so that the day does not end on the way.
  const now = Date.now() + 600_000;
  const ended = (task: QueuedTask, agoDays = 0) =>
    completed(task, agoDays * dayMs, now);
  const commit = (seq: number, changed: Change[]) =>
    store.writer.commit({
      ...{ expected: seq > 1 ? at(seq - 1) : undefined, next: at(seq) },
      changed,
    });
  const tokensOf = async (agoDays: number) => {
    const day = dayOf(now - agoDays * dayMs);
    const { reserved, spent } =
      (await store.reader.unfinished(day))?.tokens ?? assert.fail();
    return { reserved: [...reserved], spent: [...spent] };
  };
  await commit(1, added(first, second, running(third), queued()));
  assert.deepEqual(await tokensOf(0), {
    ...{ reserved: [["team-x", 220]], spent: [] },
  });
  await commit(2, [
    { before: first, after: running(first) },
    { before: second, after: ended(second) },
    { before: running(third), after: ended(third, 1) },
    ...added(ended(owned(9)), ended(owned(9), 3), ended(queued())),
  ]);
  assert.deepEqual(await tokensOf(0), {
    ...{ reserved: [["team-x", 100]], spent: [["team-x", 18]] },
  });
  assert.deepEqual((await tokensOf(1)).spent, [["team-x", 9]]);
  // Nobody asks for days that are over.
  assert.deepEqual((await tokensOf(3)).spent, []);
  await commit(3, [
    { before: running(first), after: ended(first) },
    { before: ended(second), after: ended(second) },
  ]);
  assert.deepEqual(await tokensOf(0), {
    ...{ reserved: [], spent: [["team-x", 27]] },
  });
  assert.equal((await store.reader.unfinished())?.tokens, undefined);
  await commit(4, added(owned(5)));
  await store.writer.clear({ expected: at(4), next: at(0) });
  assert.deepEqual(await tokensOf(0), { reserved: [], spent: [] });
});

test("what is unfinished is not read from a Redis that is emptied meanwhile", async () => {
  await using server = await startRedis();
  await using store = await open(server.url);
  await using other = await open(server.url);
  await store.writer.commit({
    ...{ expected: undefined, next: at(1), changed: added(queued()) },
  });
  assert.equal((await store.reader.unfinished())?.waiting, 1);
  afterQueues(store.redis, () => other.redis.flushdb());
  assert.equal(await store.reader.unfinished(), undefined);
});

test("what the projection takes in while it is read is counted with the place that it has", async () => {
  await using server = await startRedis();
  await using store = await open(server.url);
  await using other = await open(server.url);
  await store.writer.commit({
    ...{ expected: undefined, next: at(1), changed: added(queued()) },
  });
  const changes = [
    { task: queued(), name: "a queue that is known" },
    { task: queued({ owner: "new" }), name: "a new queue" },
  ];
  for (const [i, { task, name }] of changes.entries()) {
    const next = at(i + 2);
    afterQueues(store.redis, () =>
      other.writer.commit({
        ...{ expected: at(i + 1), next, changed: added(task) },
      }),
    );
    const { seq, waiting, byOwner } =
      (await store.reader.unfinished()) ?? assert.fail();
    assert.deepEqual([seq, waiting], [next.seq, i + 2], name);
    const counts = [...byOwner.values()];
    assert.equal(
      counts.reduce((sum, count) => sum + count),
      waiting,
      name,
    );
  }
});

/** Does it once, just after the names of the queues were read. */
function afterQueues(redis: Redis, change: () => Promise<unknown>) {
  const smembers = redis.smembers.bind(redis);
  redis.smembers = async (key: RedisKey) => {
    redis.smembers = smembers;
    const found = await smembers(key);
    await change();
    return found;
  };
}

test("where a queue begins is not read from a Redis that is emptied meanwhile", async () => {
  await using server = await startRedis();
  await using store = await open(server.url);
  await using other = await open(server.url);
  const task = queued();
  const { lane, owner } = task;
  const queue = { model: slugOf(task.model), lane, owner };
  for (let round = 0; round < 50; round++) {
    await store.writer.commit({
      ...{ expected: undefined, next: at(task.seq), changed: added(task) },
    });
    const asked = [1, 2, 3].map(() => store.reader.startOf(queue));
    const emptied = other.redis.flushdb();
    const later = [1, 2, 3].map(() => store.reader.startOf(queue));
    for (const start of await Promise.all([...asked, ...later]))
      assert.ok([undefined, task.seq].includes(start?.fromSeq));
    await emptied;
    assert.equal(await store.reader.startOf(queue), undefined);
  }
});

describe("the task store", () => {
  let server: TestServer;
  let db = 0;
  beforeAll(async () => void (server = await startRedis()));
  afterAll(() => server.stop());
  /** A name space of its own. */
  const fresh = (options?: { clearStep?: number; longestWaitMs?: number }) =>
    open(`${server.url}/${++db}`, options);

  test("tasks that may be overdue are found: early deadlines, the first of each queue, and what was started", async () => {
    await using store = await fresh({ longestWaitMs: 1_296_000_000 });
    const { writer, reader } = store;
    const now = 1_764_000_000;
    const first = queued({ enqueue_time: now });
    const many = Array.from({ length: 300 }, () => queued());
    const early = queued({ enqueue_time: now, start_timeout_ms: 5_000 });
    const later = queued({ enqueue_time: now, start_timeout_ms: 9_000 });
    const runs = running(queued({ owner: "b" }));
    const move = { expected: undefined, next: at(lastSeq) };
    const changed = added(first, ...many, early, later, runs);
    assert.ok(await writer.commit({ ...move, changed }));
    const found = async (at: number) =>
      new Set(await reader.perhapsOverdue(at, { ofEach: 2, early: 100 }));
    const before = await found(now + 4);
    assert.ok(before.has(first.task_id) && !before.has(runs.task_id));
    assert.ok((await found(1_764_000_000 + 1 + 300 + 61)).has(runs.task_id));
    assert.ok(!before.has(early.task_id));
    const after = await found(now + 6);
    assert.ok(after.has(early.task_id) && !after.has(later.task_id));
    assert.ok(after.size <= 5, `${after.size} are looked at`);

    const started = running(early);
    const changes = [
      { before: early, after: started },
      { before: later, after: completed(later) },
    ];
    const next = { expected: at(lastSeq), next: at(lastSeq + 1) };
    assert.ok(await writer.commit({ ...next, changed: changes }));
    // Once started it has its whole time, and a minute.
    const deadlines = await store.redis.zrange(
      "deadlines",
      0,
      "-1",
      "WITHSCORES",
    );
    assert.deepEqual(
      deadlines.filter((_, i) => i % 2 > 0).map(Number),
      [early, runs].map(({ enqueue_time }) => enqueue_time + 1 + 300 + 60),
    );
    assert.equal(await reader.overdue(now + 1 + 300 + 61), 2);
    assert.equal(await reader.overdue(now + 300), 0);
  });

  test("commit makes states, places and checkpoint visible together", async () => {
    await using store = await fresh();
    const [waits, runs, done] = [queued(), queued(), queued()];
    const states = [waits, running(runs), completed(done)];
    const changed = added(...states);
    const move = { expected: undefined, next: at(lastSeq), changed };
    assert.equal(await store.writer.commit(move), true);
    const ids = [waits.task_id, runs.task_id, done.task_id];
    assert.deepEqual(await store.reader.look([...ids, newTaskId()]), {
      checkpoint: at(lastSeq),
      tasks: [...states, undefined],
    });
    const queue = {
      model: slugOf(waits.model),
      lane: waits.lane,
      owner: waits.owner,
    };
    assert.deepEqual(await store.reader.queues(), [{ queue, waiting: 1 }]);
    assert.deepEqual(await store.reader.running(), [
      { queue, id: runs.task_id, seq: runs.seq },
    ]);
    const start = {
      created: at(lastSeq).created,
      asOf: lastSeq,
      fromSeq: waits.seq,
    };
    assert.deepEqual(await store.reader.startOf(queue), start);
    const other = { ...queue, owner: "nobody" };
    const behind = { ...start, fromSeq: lastSeq + 1 };
    assert.deepEqual(await store.reader.startOf(other), behind);
  });

  test("a task leaves every place when it ends, and an empty queue is no queue", async () => {
    await using store = await fresh();
    const task = queued();
    const steps: TaskState[] = [task, running(task), task, completed(task)];
    const seen: number[][] = [];
    for (const [i, after] of steps.entries()) {
      await store.writer.commit({
        expected: i > 0 ? at(i) : undefined,
        next: at(i + 1),
        changed: [{ before: steps[i - 1], after }],
      });
      const [queues, runs] = await Promise.all([
        store.reader.queues(),
        store.reader.running(),
      ]);
      seen.push([queues.length, runs.length]);
    }
    assert.deepEqual(seen, [
      [1, 0],
      [0, 1],
      [1, 0],
      [0, 0],
    ]);
  });

  test("the active queues of a model, with what waits and runs in each, as after any history", async () => {
    await using store = await fresh();
    const { writer, reader } = store;
    const owners = ["x", "y", "z"];
    const tasks = owners.flatMap((owner) =>
      Array.from({ length: 4 }, () => queued({ owner })),
    );
    const steps = [
      (task: QueuedTask) => task,
      running,
      (task: QueuedTask) => ({ ...task, attempt: 1, first_start: 1 }),
      (task: QueuedTask) => completed(task),
    ];
    const states = new Map<QueuedTask, TaskState>();
    const random = fc.sample(
      fc.array(fc.tuple(fc.nat(11), fc.nat(3)), { minLength: 5, maxLength: 9 }),
      40,
    );
    for (const [i, batch] of random.entries()) {
      const changed = new Map<QueuedTask, Change>();
      for (const [at, step] of batch) {
        const task = tasks[at]!;
        const before = states.get(task);
        if (before?.status === "completed") continue;
        changed.set(task, { before, after: steps[step]!(task) });
      }
      const move = { expected: i ? at(i) : undefined, next: at(i + 1) };
      assert.ok(
        await writer.commit({ ...move, changed: [...changed.values()] }),
      );
      for (const [task, { after }] of changed) states.set(task, after);
      const { checkpoint, queues } = await reader.active("qwen2-5-7b-q4_k_m");
      assert.deepEqual(checkpoint, at(i + 1));
      const count = (owner: string, status: string) =>
        [...states.values()].filter(
          (one) => one.owner === owner && one.status === status,
        ).length;
      const expected = owners.map((owner) => [
        ...[owner, count(owner, "queued"), count(owner, "processing")],
      ]);
      assert.deepEqual(
        queues
          .map(({ queue, waiting, running }) => [queue.owner, waiting, running])
          .toSorted(),
        expected.filter(([, waits, runs]) => waits !== 0 || runs !== 0),
      );
      const open = await reader.openQueues();
      assert.deepEqual(
        open.map(({ owner }) => owner).toSorted(),
        queues.map(({ queue }) => queue.owner).toSorted(),
      );
      const middle = tasks[5]!.seq;
      const places = open.flatMap((queue) => [
        { queue, seq: Infinity },
        { queue, seq: middle },
      ]);
      const upTo = ({ queue, seq }: (typeof places)[number]) =>
        [...states].filter(
          ([task, { status }]) =>
            task.owner === queue.owner &&
            task.seq <= seq &&
            (status === "queued" || status === "processing"),
        ).length;
      assert.deepEqual(await reader.countOpen(places), places.map(upTo));
    }
    assert.deepEqual(await reader.models(), ["qwen2-5-7b-q4_k_m"]);
    assert.deepEqual((await reader.active("other")).queues, []);
  });

  test("of two writers that read the same checkpoint one commits, and the other writes nothing", async () => {
    await using one = await fresh();
    await using two = await open(`${server.url}/${db}`);
    for (let round = 0; round < 50; round++) {
      const tasks = [queued(), queued()];
      const moves = tasks.map((task, i) => ({
        expected: round > 0 ? { ...at(round), id: "any" } : undefined,
        next: { ...at(round + 1), id: `by ${i}` },
        changed: added(task),
      }));
      const results = await Promise.all([
        one.writer.commit(moves[0]!),
        two.writer.commit(moves[1]!),
      ]);
      assert.deepEqual(results.toSorted(), [false, true]);
      const winner = results.indexOf(true);
      const look = await one.reader.look(tasks.map((task) => task.task_id));
      assert.equal(look.checkpoint?.id, `by ${winner}`);
      assert.deepEqual(
        look.tasks.map((task) => task !== undefined),
        results,
      );
      const next = { ...at(round + 1), id: "any" };
      await one.writer.commit({ expected: look.checkpoint, next, changed: [] });
    }
  });

  test("a Redis that was emptied since the read refuses the commit", async () => {
    await using store = await fresh();
    const task = queued();
    await store.writer.commit({
      expected: undefined,
      next: at(1),
      changed: added(task),
    });
    const [before] = await store.writer.read([task.task_id]);
    await store.redis.flushall();
    const changed = [{ before, after: running(task) }];
    assert.equal(
      await store.writer.commit({ expected: at(1), next: at(2), changed }),
      false,
    );
    assert.equal(await store.redis.dbsize(), 0);
  });

  test("commits of one writer keep their order, and a refused one stops none behind it", async () => {
    await using store = await fresh();
    const move = (from: number, to: number) =>
      store.writer.commit({
        expected: from ? at(from) : undefined,
        next: at(to),
        changed: [],
      });
    const results = await Promise.all([
      move(0, 1),
      move(1, 2),
      move(1, 9),
      move(2, 3),
    ]);
    assert.deepEqual(results, [true, true, false, true]);
  });

  test("a step that Redis could do only in part leaves no checkpoint, and clear heals it", async () => {
    await using store = await fresh();
    const task = queued();
    const move = { expected: undefined, next: at(1), changed: added(task) };
    await store.redis.set("queues", "not a set");
    await assert.rejects(store.writer.commit(move), /WRONGTYPE/);
    assert.equal((await store.reader.look([])).checkpoint, undefined);
    assert.equal(
      await store.writer.clear({ expected: undefined, next: at(0) }),
      true,
    );
    assert.equal(await store.writer.commit({ ...move, expected: at(0) }), true);
  });

  test("clear empties the projection, only that, and only for who knows the checkpoint", async () => {
    await using store = await fresh({ clearStep: 10 });
    const tasks = Array.from({ length: 200 }, () => queued());
    await store.writer.commit({
      expected: undefined,
      next: at(5),
      changed: added(...tasks),
    });
    await store.redis.set("another's", "stays");
    assert.equal(
      await store.writer.clear({ expected: at(4), next: at(0, false) }),
      false,
    );
    assert.equal((await store.reader.queues())[0]?.waiting, 200);
    assert.equal(
      await store.writer.clear({ expected: at(5), next: at(0, false) }),
      true,
    );
    assert.deepEqual((await store.redis.keys("*")).toSorted(), [
      `${redisPrefix}another's`,
      `${redisPrefix}checkpoint`,
    ]);
    assert.deepEqual((await store.reader.look([])).checkpoint, at(0, false));
  });

  test("a look while it is cleared shows no checkpoint; who clears later takes over", async () => {
    await using slow = await fresh({ clearStep: 1 });
    await using quick = await open(`${server.url}/${db}`);
    const tasks = Array.from({ length: 500 }, () => queued());
    await slow.writer.commit({
      expected: undefined,
      next: at(5),
      changed: added(...tasks),
    });
    const first = slow.writer.clear({ expected: at(5), next: at(0) });
    await eventually(
      async () => (await quick.reader.look([])).checkpoint === undefined,
      { everyMs: 1 },
    );
    assert.equal(
      await quick.writer.commit({
        expected: undefined,
        next: at(1),
        changed: [],
      }),
      false,
    );
    assert.equal(
      await quick.writer.clear({ expected: undefined, next: at(7) }),
      true,
    );
    assert.equal(await first, false);
    assert.deepEqual(await quick.redis.keys("*"), [`${redisPrefix}checkpoint`]);
  });

  test("a task expires RESULT_TTL after its outcome and not before", async () => {
    await using store = await fresh();
    const tasks = [queued(), queued(), queued(), queued()] as const;
    const [waits, runs, recent, old] = tasks;
    const late = queued();
    const changed = added(
      waits,
      running(runs),
      completed(recent, TTL_MS / 2),
      completed(old, TTL_MS + 1),
      completed(late, TTL_MS - 400),
    );
    await store.writer.commit({ expected: undefined, next: at(4), changed });
    const ttl = (task: TaskState) => store.redis.pttl(`task:${task.task_id}`);
    assert.deepEqual(
      [await ttl(waits), await ttl(runs), await ttl(old)],
      [-1, -1, -2],
    );
    const left = await ttl(recent);
    assert.ok(left > TTL_MS / 2 - 10_000 && left <= TTL_MS / 2, String(left));
    await eventually(
      async () =>
        (await store.reader.look([late.task_id])).tasks[0] === undefined,
    );
  });

  test("a value of another version is none", async () => {
    await using store = await fresh();
    const id = newTaskId();
    await store.redis.mset({
      checkpoint: '[1,"x"]',
      [`task:${id}`]: '[1,"x"]',
    });
    assert.deepEqual(await store.reader.look([id]), {
      checkpoint: undefined,
      tasks: [undefined],
    });
  });

  test("queue positions are those of owners who take turns", async () => {
    await using store = await fresh();
    const place = fc.record({
      model: fc.constantFrom("A", "B"),
      lane: fc.constantFrom("interactive" as const, "batch" as const),
      owner: fc.constantFrom("x", "y", "z"),
      status: fc.constantFrom("queued", "queued", "processing"),
    });
    await fc.assert(
      fc.asyncProperty(fc.array(place, { maxLength: 60 }), async (places) => {
        await store.redis.flushdb();
        const tasks = places.map(({ status, ...over }) => {
          const task = queued(over);
          return status === "queued" ? task : running(task);
        });
        await store.writer.commit({
          expected: undefined,
          next: at(1),
          changed: added(...tasks),
        });
        const found = await store.reader.places(tasks);
        assert.deepEqual(
          found.map((place) => place && place.position),
          tasks.map((task) => naivePosition(task, tasks)),
        );
      }),
      { numRuns: 150 },
    );
  });

  test("what tasks took, and how long they waited, is kept of each that ended, once", async () => {
    await using store = await fresh();
    const tasks = [1, 2, 3].map(() => ({ ...queued(), estimated_wait: 2.5 }));
    const ended = tasks.map((task) => completed(task));
    const first = {
      expected: undefined,
      next: at(1),
      changed: added(...tasks),
    };
    assert.ok(await store.writer.commit(first));
    const changes = ended.map((after, i) => ({ before: tasks[i], after }));
    const move = { expected: at(1), next: at(2), changed: changes };
    assert.ok(await store.writer.commit(move));
    const again = ended.map((after) => ({ before: after, after }));
    const repeat = { expected: at(2), next: at(3), changed: again };
    assert.ok(await store.writer.commit(repeat));
    const [own] = await store.reader.backlog();
    assert.equal(own?.waiting, 0);
    assert.equal(own.usual, metrics.prompt_tokens + metrics.completion_tokens);
    const wait = { estimated: 2.5, real: 1 };
    assert.deepEqual(await store.reader.waits(), [wait, wait, wait]);
    const fields = await store.redis.hvals("usual");
    assert.ok(fields.includes("3"), fields.join(" "));
  });

  test("a queued task takes less than 800 bytes of Redis", async () => {
    await using store = await fresh();
    /** Without what Redis has still to write to its file. */
    const used = async () => {
      const memory = await store.redis.info("memory");
      const bytes = (name: string) =>
        Number(RegExp(`^${name}:(\\d+)`, "m").exec(memory)?.[1]);
      return bytes("used_memory") - bytes("mem_aof_buffer");
    };
    const before = await used();
    const count = 10_000;
    for (let i = 0; i < count / 500; i++)
      await store.writer.commit({
        expected: i ? at(i) : undefined,
        next: at(i + 1),
        changed: added(
          ...Array.from({ length: 500 }, () =>
            queued({ user_id: "user-1234" }),
          ),
        ),
      });
    const perTask = ((await used()) - before) / count;
    assert.ok(perTask < 800, `${perTask} bytes`);
  });

  test("who listens is told of outcomes, of a step at once, and not of one that was refused", async () => {
    await using store = await fresh();
    const told: string[][] = [];
    const { promise: listening, resolve } = Promise.withResolvers<void>();
    using _hearing = hearDone(store, {
      onDone: (ids) => void told.push(ids),
      onListening: resolve,
    });
    await listening;
    const [one, two, three] = [queued(), queued(), queued()];
    const commit = (from: number, changed: Change[]) =>
      store.writer.commit({
        expected: from > 0 ? at(from) : undefined,
        next: at(from + 1),
        changed,
      });
    await commit(0, added(one, two, three));
    const ended = [one, two].map((task) => ({
      before: task,
      after: completed(task),
    }));
    assert.equal(await commit(5, ended), false);
    await commit(1, ended);
    await commit(2, [{ before: three, after: completed(three) }]);
    await eventually(() => told.length > 1);
    assert.deepEqual(told, [[one.task_id, two.task_id], [three.task_id]]);
  });

  test("a Redis that evicts open tasks is refused", async () => {
    await using store = await fresh();
    await assertKeepsTasks(store);
    await store.redis.config("SET", "maxmemory-policy", "volatile-ttl");
    await assertKeepsTasks(store);
    await store.redis.config("SET", "maxmemory-policy", "allkeys-lru");
    await assert.rejects(assertKeepsTasks(store), { code: "EVICTING_REDIS" });
    await store.redis.config("SET", "maxmemory-policy", "noeviction");
  });
});

/** Plays it: nine interactive tasks and one of the batch lane in turn, and in each owners in turn, this task's as the last of a round. */
function naivePosition(
  task: TaskState,
  all: readonly TaskState[],
): number | null {
  if (task.status !== "queued") return null;
  const waiting = all.filter(
    (one) => one.status === "queued" && one.model === task.model,
  );
  const lines = {
    interactive: inTurns(waiting, "interactive", task.owner),
    batch: inTurns(waiting, "batch", task.owner),
  };
  for (let position = 1, turn = 0; ; position++, turn = (turn + 1) % 10) {
    const [first, second] =
      turn < 9
        ? [lines.interactive, lines.batch]
        : [lines.batch, lines.interactive];
    if ((first.shift() ?? second.shift()) === task) return position;
  }
}

function inTurns(
  waiting: readonly TaskState[],
  lane: TaskState["lane"],
  last: string,
): TaskState[] {
  const line = waiting.filter((one) => one.lane === lane);
  const owners = new Set(line.map(({ owner }) => owner));
  owners.delete(last);
  const order: TaskState[] = [];
  while (line.length > 0)
    for (const owner of [...owners, last]) {
      const index = line.findIndex((one) => one.owner === owner);
      if (index >= 0) order.push(...line.splice(index, 1));
    }
  return order;
}

/** A way to a server on which what is open falls silent when it is told to, as behind a router that forgot it. */
async function openWire(target: number) {
  const pairs: [Socket, Socket][] = [];
  const server = createServer((near) => {
    const far = connect(target, "127.0.0.1");
    for (const end of [near, far]) end.on("error", () => undefined);
    near.pipe(far).pipe(near);
    pairs.push([near, far]);
  });
  server.listen(0, "127.0.0.1");
  await once(server, "listening");
  return {
    port: (server.address() as AddressInfo).port,
    fallSilent() {
      for (const [near, far] of pairs) {
        near.unpipe(far).resume();
        far.unpipe(near).resume();
      }
    },
    async [Symbol.asyncDispose]() {
      for (const end of pairs.flat()) end.destroy();
      server.close();
      await once(server, "close");
    },
  };
}

describe("a Redis that goes away", () => {
  /** As patient as the services' own. */
  const openImpatient = (url: string) => open(url, { silence: {} });
  /** It takes about a second, on a busy machine more. */
  const failsSoon = async (promise: Promise<unknown>) => {
    const start = performance.now();
    await assert.rejects(promise);
    const ms = performance.now() - start;
    assert.ok(ms < 10_000, `${ms} ms`);
  };

  for (const signal of ["SIGKILL", "SIGSTOP"] as const)
    test(`after ${signal} calls fail within about a second, and work again when it is back`, () =>
      withRedis(async (redis) => {
        const task = queued();
        {
          await using patient = await open(redis.url);
          const first = { expected: undefined, next: at(1) };
          await patient.writer.commit({ ...first, changed: added(task) });
        }
        await using store = await openImpatient(redis.url);
        await redis.kill(signal);
        const move = { expected: at(1), next: at(2), changed: [] };
        await Promise.all([
          failsSoon(store.reader.look([task.task_id])),
          failsSoon(store.writer.commit(move)),
        ]);
        await failsSoon(store.reader.places([task])); // at once from here on
        if (signal === "SIGSTOP") await redis.kill("SIGCONT");
        else await redis.restart();
        await eventually(async () => {
          // What was sent to a frozen or a busy one may have happened after all.
          const { checkpoint } = await store.reader.look([]);
          const next = at((checkpoint?.seq ?? 0) + 1);
          return store.writer.commit({ expected: checkpoint, next, changed: [] }); // prettier-ignore
        });
      }));

  test("outcomes are heard of again, and who listens is told so", () =>
    withRedis(async (redis) => {
      await using wire = await openWire(redis.port);
      await using store = await openImpatient(`redis://127.0.0.1:${wire.port}`);
      const told: string[] = [];
      let listening = 0;
      using _hearing = hearDone(store, {
        onDone: (ids) => void told.push(...ids),
        onListening: () => listening++,
      });
      await eventually(() => listening > 0);
      let before = listening;
      await redis.kill("SIGKILL");
      await redis.restart();
      await eventually(() => listening > before);
      before = listening;
      wire.fallSilent(); // nobody speaks on that connection: it has to be noticed all the same
      await eventually(() => listening > before);
      const task = queued();
      const isStored = async () =>
        (await store.reader.look([])).checkpoint !== undefined;
      const commit = () =>
        store.writer.commit({
          ...{ expected: undefined, next: at(1) },
          changed: added(completed(task)),
        });
      // Also one whose answer came too late.
      await eventually(async () => (await isStored()) || (await commit()));
      await eventually(() => told.length > 0);
      assert.deepEqual(told, [task.task_id]);
    }));

  test("a stand-still of the machine is no silence of Redis", () =>
    withRedis(async (redis) => {
      const silenceMs = 3_000;
      await using store = await open(redis.url, { silence: { silenceMs } });
      await redis.kill("SIGSTOP");
      const look = store.reader.look([]);
      await turn(); // it is sent
      const standing = new Int32Array(new SharedArrayBuffer(4));
      Atomics.wait(standing, 0, 0, silenceMs + 500);
      await redis.kill("SIGCONT");
      assert.equal((await look).checkpoint, undefined);
    }));

  test("a reader of a frozen Redis can be closed", () =>
    withRedis(async (redis) => {
      const store = connectStore({
        url: redis.url,
        prefix: redisPrefix,
        name: "closing",
      });
      await eventually(() => store.ready());
      await redis.kill("SIGSTOP");
      const start = performance.now();
      await store.close();
      assert.ok(performance.now() - start < 10_000);
    }));
});
