/** Moments of the past on real servers: every answer is what a fold of the log's events up to the moment makes. */
import { makeAppender } from "@jetscribe/event-log/append/append";
import { connectBroker } from "@jetscribe/event-log/broker/connection";
import { purgeEventsBefore } from "@jetscribe/event-log/broker/streamState";
import { decodeEvent } from "@jetscribe/event-log/codec/codec";
import { scan } from "@jetscribe/event-log/read/readLog";
import {
  evolve,
  isOpen,
  newTaskId,
  queueOf,
  slugOf,
  taskIdTime,
  type DensityResponse,
  type ListedTask,
  type LogResponse,
  type MomentResponse,
  type RecordedEvent,
  type TaskEvent,
  type TaskListResponse,
  type TaskState,
} from "@jetscribe/schema";
import {
  cancelled,
  completed,
  failed,
  requested,
  retried,
  started,
} from "@jetscribe/schema/test/taskEventsTestKit";
import { connectStore } from "@jetscribe/task-store";
import {
  eventually,
  redisPrefix,
  startStack,
  testRandom,
  type Random,
  type Stack,
} from "@jetscribe/testing";
import assert from "node:assert/strict";
import { rmSync } from "node:fs";
import { join } from "node:path";
import { afterAll, beforeAll, describe, test } from "vitest";

/** More than three snapshots lie in it. */
const events = 14_000;
const openAtOnce = 200;

/** What is still to happen to a task; its last event may be missing. */
function anyLife(random: Random): TaskEvent[] {
  const id = newTaskId();
  const request = requested(id, {
    model: random.pick(["demo", "Qwen2.5"]),
    lane: random.pick(["interactive", "batch"]),
    owner: random.pick(["a", "b"]),
    ...(random.chance(0.2) && { user_id: random.pick(["ada", "Zoë"]) }),
    ...(random.chance(0.2) && { metadata: { order: random.pick(["1", "2"]) } }),
  });
  const life: TaskEvent[] = [request];
  let attempt = 0;
  while (random.chance(attempt === 0 ? 0.9 : 0.3)) {
    life.push(started(id, ++attempt));
    if (!random.chance(0.3)) break;
    life.push(retried(id, attempt));
  }
  const end = random.pick([completed, completed, failed]);
  if (random.chance(0.99))
    life.push(
      attempt === 0 || random.chance(0.1) ? cancelled(id) : end(id, attempt),
    );
  return life;
}

/** Tasks live side by side, and a few for very long. */
async function fill(url: string, random: Random): Promise<void> {
  await using broker = await connectBroker({ url, name: "test" });
  using appender = makeAppender(broker, "test");
  const lives: TaskEvent[][] = [];
  const queues = new Map<string, ReturnType<typeof queueOf>>();
  const storing: Promise<unknown>[] = [];
  for (let stored = 0; stored < events;) {
    const isFull = lives.length >= openAtOnce;
    const life = isFull
      ? random.pick(lives.slice(random.pick([0, 40])))
      : anyLife(random);
    if (!isFull) lives.push(life);
    const event = life.shift();
    if (life.length === 0) lives.splice(lives.indexOf(life), 1);
    if (event === undefined) continue;
    const { task_id } = event.data;
    if (event.type === "GenerateRequested")
      queues.set(task_id, queueOf(event.data));
    storing.push(appender.append(event, queues.get(task_id)!));
    if (++stored % 500 === 0) await Promise.all(storing.splice(0));
  }
  await Promise.all(storing);
}

async function readAll(url: string): Promise<RecordedEvent[]> {
  await using broker = await connectBroker({ url, name: "test" });
  const all: RecordedEvent[] = [];
  const reading = { stream: broker.streams.events, from: { seq: 1 } };
  await scan(broker, reading, (message) => {
    const decoded = decodeEvent(message);
    if ("event" in decoded) all.push(decoded.event);
    return false;
  });
  return all;
}

interface Known {
  state: TaskState;
  requestedAt: number;
  startedAt?: number;
}

function foldUpTo(all: readonly RecordedEvent[], at: number): Known[] {
  const known = new Map<string, Known>();
  for (const event of all) {
    if (event.seq > at) break;
    const { task_id } = event.data;
    const before = known.get(task_id);
    const state = evolve(before?.state, event);
    if (state === undefined || state === before?.state) continue;
    const isStart = event.type === "GenerateStarted";
    known.set(task_id, {
      ...{ requestedAt: event.time, ...before, state },
      ...(isStart && { startedAt: before?.startedAt ?? event.time }),
    });
  }
  return [...known.values()];
}

function listed({ state, requestedAt, startedAt }: Known): ListedTask {
  const { task_id, status, model, lane, attempt, owner } = state;
  const { user_id, metadata } = state;
  return {
    ...{ task_id, status, model, lane, owner: slugOf(owner), attempt },
    requested_at: requestedAt,
    ...(startedAt !== undefined && { started_at: startedAt }),
    ...("end_time" in state && { ended_at: state.end_time }),
    ...(state.status === "failed" && {
      ...{ error_type: state.error.type, error_message: state.error.message },
    }),
    ...(user_id !== undefined && { user_id }),
    ...(metadata !== undefined && { metadata }),
  };
}

const rowsOf = (known: readonly Known[]) =>
  [...Map.groupBy(known, ({ state: { model, lane } }) => `${model} ${lane}`)]
    .flatMap(([, same]) => {
      const open = same.filter(({ state }) => isOpen(state));
      const [first] = open;
      if (first === undefined) return [];
      const queued = open.filter(({ state }) => state.status === "queued");
      const times = queued.map(({ state }) => taskIdTime(state.task_id) ?? 0);
      return {
        ...{ model: slugOf(first.state.model), lane: first.state.lane },
        ...{ queued: queued.length, running: open.length - queued.length },
        ...(times.length > 0 && { oldest_at: Math.min(...times) / 1_000 }),
      };
    })
    .sort(byName);

const byName = (
  a: { model: string; lane: string },
  b: { model: string; lane: string },
) => (a.model + a.lane < b.model + b.lane ? -1 : 1);

describe("moments of the past", () => {
  const random = testRandom();
  let stack: Stack;
  let all: RecordedEvent[];
  beforeAll(async () => {
    stack = await startStack({
      services: ["gateway", "results"],
      env: { API_KEYS: "root:key-of-root,a:key-of-a" },
      healthyWithinMs: 0,
    });
    await eventually(async () => (await get("/tasks")).status === 200);
    await fill(stack.natsUrl, random);
    all = await readAll(stack.natsUrl);
  });
  afterAll(() => stack.stop());

  /** What is answered once the task index answers. */
  const get = <T>(path: string, key = "key-of-root") =>
    eventually(async () => {
      const headers = { "x-api-key": key };
      const response = await fetch(stack.url + path, { headers });
      const body = (await response.json()) as T;
      return response.status !== 503 && { status: response.status, body };
    });

  async function read<T>(path: string, key?: string): Promise<T> {
    const { status, body } = await get<T>(path, key);
    assert.equal(status, 200, `${path} is answered ${JSON.stringify(body)}`);
    return body;
  }

  async function walk(query: string, key?: string): Promise<ListedTask[]> {
    const found: ListedTask[] = [];
    let next: string | undefined = `/tasks?limit=100&${query}`;
    while (next !== undefined) {
      const page: TaskListResponse = await read(next, key);
      found.push(...page.tasks);
      ({ next } = page);
    }
    return found;
  }

  const filters: [string, (state: TaskState) => boolean][] = [
    ["status=queued,processing", isOpen],
    ["status=processing&lane=batch", ({ status, lane }) => status === "processing" && lane === "batch"], // prettier-ignore
    ["status=failed,queued&model=demo", ({ status, model }) => ["failed", "queued"].includes(status) && model === "demo"], // prettier-ignore
    ["error=r:+too", ({ status }) => status === "failed"],
    ["metadata.order=1&error=SLOW", ({ status, metadata }) => status === "failed" && metadata?.["order"] === "1"], // prettier-ignore
    ["metadata.order=1", ({ metadata }) => metadata?.["order"] === "1"],
    ["user_id=ada&status=queued,cancelled", ({ user_id, status }) => user_id === "ada" && ["queued", "cancelled"].includes(status)], // prettier-ignore
  ];

  async function holdAgainstFold(at: number): Promise<void> {
    const known = foldUpTo(all, at);
    const moment = await read<MomentResponse>(`/log/moment?seq=${at}`);
    const event = all.find(({ seq }) => seq === at);
    assert.equal(moment.event?.type, event?.type);
    assert.equal(moment.event?.task_id, event?.data.task_id);
    assert.equal(moment.time, event?.time);
    const rows = moment.rows.sort(byName);
    assert.deepEqual(
      rows.map((row) => ({ ...row, model: slugOf(row.model) })),
      rowsOf(known),
      `at ${at}`,
    );
    const failures = known.filter(({ state }) => state.status === "failed");
    const counted = moment.failures.reduce((sum, one) => sum + one.count, 0);
    assert.equal(counted, Math.min(100, failures.length));
    const [query, isMeant] = random.pick(filters);
    const found = await walk(`at=${at}&owner=*&${query}`);
    assert.deepEqual(
      found.map((task) => ({ ...task, model: slugOf(task.model) })),
      known
        .filter(({ state }) => isMeant(state))
        .map((one) => ({ ...listed(one), model: slugOf(one.state.model) }))
        .sort((a, b) => (a.task_id < b.task_id ? 1 : -1)),
      `at ${at}: ${query}`,
    );
  }

  test("lists and counts are what a fold of the events up to the moment makes", async () => {
    for (let i = 0; i < 25; i++)
      await holdAgainstFold(random.int(0, all.length));
    for (const at of [0, 1, 4_095, 4_096, 4_097, 8_192, all.length])
      await holdAgainstFold(at);
  });

  test("the same after Redis was emptied, and after the index was built anew", async () => {
    await using store = connectStore({
      ...{ url: stack.redisUrl, prefix: redisPrefix, name: "test" },
      silenceMs: 60_000,
    });
    await eventually(() => store.ready());
    await store.redis.flushall();
    for (let i = 0; i < 5; i++)
      await holdAgainstFold(random.int(0, all.length));
    await stack.kill("results");
    rmSync(join(stack.dataDir, "index"), { recursive: true });
    await stack.restart("results");
    for (let i = 0; i < 5; i++)
      await holdAgainstFold(random.int(0, all.length));
  });

  test("an owner sees of a moment what is its own", async () => {
    const at = random.int(5_000, all.length);
    const own = foldUpTo(all, at).filter(({ state }) => state.owner === "a");
    const moment = await read<MomentResponse>(`/log/moment?seq=${at}`, "key-of-a"); // prettier-ignore
    assert.deepEqual(
      moment.rows
        .map((row) => ({ ...row, model: slugOf(row.model) }))
        .sort(byName),
      rowsOf(own),
    );
    const owners = new Map(
      all.flatMap(({ type, data }) =>
        type === "GenerateRequested" ? [[data.task_id, data.owner]] : [],
      ),
    );
    const { data } = all[at - 1] ?? {};
    const isOwn = owners.get(data?.task_id ?? "") === "a";
    assert.equal(moment.event !== undefined, isOwn);
    const found = await walk(`at=${at}&status=queued`, "key-of-a");
    assert.equal(
      found.length,
      own.filter(({ state }) => state.status === "queued").length,
    );
    const foreign = `/tasks?at=${at}&owner=root`;
    assert.equal((await get(foreign, "key-of-a")).status, 403);
  });

  test("a time is the last event stored at or before it", async () => {
    for (let i = 0; i < 10; i++) {
      const event = random.pick(all);
      const ms = Math.floor(event.time * 1_000);
      const { seq } = await read<MomentResponse>(`/log/moment?time=${ms / 1_000}`); // prettier-ignore
      // A number holds the time of an event to a quarter of a microsecond.
      const [least = 0, most = 0] = [-1e-6, 1e-6].map(
        (off) => all.findLast(({ time }) => time < (ms + 1) / 1_000 + off)?.seq,
      );
      assert.ok(seq >= least && seq <= most, `${seq} of ${least} to ${most}`);
    }
    assert.equal((await read<MomentResponse>("/log/moment?time=1")).seq, 0);
    const last = await read<MomentResponse>("/log/moment?time=99999999999");
    assert.equal(last.seq, all.length);
  });

  test("pages of the log have its events, by any filter, in both directions", async () => {
    const owners = new Map<string, TaskState>();
    for (const event of all)
      if (event.type === "GenerateRequested")
        owners.set(event.data.task_id, evolve(undefined, event)!);
    const taskOf = ({ data }: RecordedEvent) => owners.get(data.task_id)!;
    const cases: [string, (event: RecordedEvent) => boolean][] = [
      ["owner=*", () => true],
      ["owner=b", (event) => taskOf(event).owner === "b"],
      ["owner=*&type=GenerateFailed,GenerateCancelled&lane=batch", (event) => ["GenerateFailed", "GenerateCancelled"].includes(event.type) && taskOf(event).lane === "batch"], // prettier-ignore
      ["owner=*&model=Qwen2.5&type=GenerateRequested", (event) => event.type === "GenerateRequested" && taskOf(event).model === "Qwen2.5"], // prettier-ignore
      ["owner=*&model=nobody-has-it", () => false],
    ];
    for (const [query, isMeant] of cases)
      for (const begin of [`before=${all.length}`, "after=1000"]) {
        const found: number[] = [];
        let next: string | undefined = `/log?${query}&${begin}&limit=500`;
        while (next !== undefined) {
          const page: LogResponse = await read(next);
          found.push(...page.events.map(({ seq }) => seq));
          ({ next } = page);
        }
        const isBack = begin.startsWith("before");
        const expected = all
          .filter(isMeant)
          .map(({ seq }) => seq)
          .filter((seq) => (isBack ? seq < all.length : seq > 1_000));
        assert.deepEqual(found, isBack ? expected.reverse() : expected, query);
      }
  });

  test("the density adds up to the log", async () => {
    const density = await read<DensityResponse>("/log/density?buckets=30");
    const sum = density.events.reduce((total, count) => total + count, 0);
    assert.equal(sum, all.length);
    assert.ok(density.events.length <= 30);
    assert.ok(density.from <= (all[0]?.time ?? 0));
  });

  test("a moment that is not there, and what is no question, are refused", async () => {
    for (const path of [
      "/tasks?at=99999999",
      "/tasks?at=-1",
      "/tasks?at=now",
      "/log/moment?seq=99999999",
      "/log/moment?seq=1&time=1",
      "/log/moment?other=1",
      "/log/density?buckets=0",
      "/log?type=GenerateDreamt",
      "/log?before=1&after=1",
      "/log?limit=501",
    ])
      assert.equal((await get(path)).status, 400, path);
  });

  test("what the log has dropped is gone, and what it still has is right", async () => {
    const first = random.int(4_200, 8_000);
    await using broker = await connectBroker({
      url: stack.natsUrl,
      name: "test",
    });
    await purgeEventsBefore(broker, first);
    for (const path of ["/tasks?at=", "/log/moment?seq="])
      assert.equal((await get(`${path}${first - 2}`)).status, 410);
    const rest = all.filter(({ seq }) => seq >= first);
    // Before the next snapshot only the log's own events tell; a snapshot knows the older tasks too.
    for (const [at, known] of [
      [first - 1, []],
      [random.int(first, 8_191), rest],
      [random.int(8_192, 12_000), all],
      [all.length, all],
    ] as const) {
      const { rows } = await read<MomentResponse>(`/log/moment?seq=${at}`);
      assert.deepEqual(
        rows.map((row) => ({ ...row, model: slugOf(row.model) })).sort(byName),
        rowsOf(foldUpTo(known, at)),
        `of ${first} at ${at}`,
      );
    }
    const { events: oldest }: LogResponse = await read("/log?owner=*&after=0&limit=1"); // prettier-ignore
    assert.equal(oldest[0]?.seq, first);
    const stored = async () =>
      (await read<DensityResponse>("/log/density")).events.reduce(
        (total, count) => total + count,
        0,
      );
    assert.equal(await stored(), all.length - first + 1);
    // Also where the log ends with what is no event.
    await broker.nc.request("llm.events.nothing", "no event", {
      timeout: 60_000,
    });
    assert.equal(await stored(), all.length - first + 2);
  });
});
