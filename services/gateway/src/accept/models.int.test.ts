import { newTaskId, type QueuedTask } from "@jetscribe/schema";
import {
  connectStore,
  makeTaskReader,
  makeTaskWriter,
  type Checkpoint,
} from "@jetscribe/task-store";
import { eventually, redisPrefix, startRedis } from "@jetscribe/testing";
import assert from "node:assert/strict";
import { test } from "vitest";
import { ApiError } from "../apiError.ts";
import { makeModels } from "./models.ts";

const at = (seq: number, caughtUp = true): Checkpoint => ({
  ...{ created: "2026-01-01T00:00:00Z", seq, id: `${seq}.requested` },
  ...{ caughtUp, beat: 1, bytes: 0 },
  open: { tasks: 0, tokens: 0, bytes: 0, bytesPerToken: 8 },
});

const queued = (model: string, seq: number): QueuedTask => ({
  ...{ task_id: newTaskId(), status: "queued", seq, model },
  ...{ lane: "interactive", owner: "a", enqueue_time: Date.now() / 1_000 },
  ...{ timeout_ms: 60_000, start_timeout_ms: 60_000, attempt: 0, failures: 0 },
  max_tokens: 16,
});

async function open(allHeardAfterMs = 0) {
  await using opened = new AsyncDisposableStack();
  const redis = opened.use(await startRedis());
  const store = opened.use(
    connectStore({
      url: redis.url,
      prefix: redisPrefix,
      name: "test",
      silenceMs: 60_000,
    }),
  );
  await eventually(() => store.ready());
  const writer = makeTaskWriter(store, { resultTtlMs: 60_000 });
  let checkpoint: Checkpoint | undefined;
  async function commit(next: Checkpoint, changed: QueuedTask[] = []) {
    const changes = changed.map((after) => ({ before: undefined, after }));
    const move = { expected: checkpoint, next, changed: changes };
    assert.ok(await writer.commit(move));
    checkpoint = next;
  }
  await commit(at(0));
  const clashes = new Map<string, string[]>();
  const known = () => clashes;
  const reading = opened.use(
    connectStore({
      url: redis.url,
      prefix: redisPrefix,
      name: "reader",
      silenceMs: 60_000,
    }),
  );
  await eventually(() => reading.ready());
  const models = makeModels(
    ...([makeTaskReader(reading), "Demo", { known }] as const),
    allHeardAfterMs,
  );
  const all = opened.move();
  return {
    ...{ redis, models, clashes, commit },
    /** A task of the model is projected. */
    taskOf: async (model: string) => {
      const seq = (checkpoint?.seq ?? 0) + 1;
      await commit(at(seq), [queued(model, seq)]);
    },
    [Symbol.asyncDispose]: () => all.disposeAsync(),
  };
}

const refusal = (known: string) => (error: unknown) => {
  assert.ok(error instanceof ApiError);
  assert.equal(error.code, "invalid_request");
  assert.deepEqual(error.facts.fields, [
    { field: "model", message: `there is no such model; there are: ${known}` },
  ]);
  return true;
};

test("the default, an announced model and one that was asked for are known, by any spelling of their slug", async () => {
  await using opened = await open();
  const { models, taskOf } = opened;
  models.note("Qwen2.5-7B-Q4_K_M");
  await taskOf("demo");
  await taskOf("old-model");
  assert.equal(await models.choose("demo"), "Demo");
  assert.equal(await models.choose("Demo"), "Demo");
  assert.equal(await models.choose("qwen2-5-7b-q4_k_m"), "Qwen2.5-7B-Q4_K_M");
  assert.equal(await models.choose("old-model"), "old-model");
});

test("another one is refused, and the known ones are listed", async () => {
  await using opened = await open();
  const { models, taskOf } = opened;
  models.note("Qwen2.5-7B");
  for (const model of ["demo", "qwen2-5-7b", "old-model"]) await taskOf(model);
  for (const wanted of ["demo2", "…", "old", ""])
    await assert.rejects(
      models.choose(wanted),
      refusal("Demo, Qwen2.5-7B, old-model"),
    );
});

test("a model whose first task comes later is found", async () => {
  await using opened = await open();
  const { models, taskOf } = opened;
  await assert.rejects(models.choose("late"), refusal("Demo"));
  await taskOf("late");
  const found = () => models.choose("late").catch(() => undefined);
  assert.equal(await eventually(found), "late");
});

const unavailable = (error: unknown) =>
  error instanceof ApiError && error.code === "unavailable";

test("without Redis, or while the projection is built, nobody is told that a model does not exist", async () => {
  await using opened = await open();
  const { models, redis, commit } = opened;
  await commit(at(1, false));
  await assert.rejects(models.choose("late"), unavailable);
  await redis.stop();
  await assert.rejects(models.choose("late"), unavailable);
  assert.equal(await models.choose("demo"), "Demo");
});

test("a gateway that has not heard all workers yet says of no model that it does not exist", async () => {
  await using opened = await open(600_000);
  const { models, taskOf } = opened;
  await taskOf("old-model");
  await assert.rejects(models.choose("other"), unavailable);
  models.note("other");
  for (const model of ["other", "old-model"])
    assert.equal(await models.choose(model), model);
});

test("names that can't be told apart are refused, and named, also where no name was given", async () => {
  await using opened = await open();
  const { models, clashes } = opened;
  clashes.set("demo", ["Demo", "demo"]);
  for (const wanted of [undefined, "demo", "Demo"])
    await assert.rejects(
      models.choose(wanted),
      (error) =>
        error instanceof ApiError &&
        error.code === "unavailable" &&
        error.message.includes("Demo and demo"),
    );
  clashes.clear();
  assert.equal(await models.choose(), "Demo");
});
