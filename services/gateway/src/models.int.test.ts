import { connectBroker } from "@jetscribe/event-log/connection";
import { ensureTopology, ensureWorkQueue } from "@jetscribe/event-log/topology";
import { eventually, startNats } from "@jetscribe/testing";
import assert from "node:assert/strict";
import { test } from "node:test";
import { ApiError } from "./apiError.ts";
import { makeModels } from "./models.ts";

async function open() {
  await using opened = new AsyncDisposableStack();
  const nats = opened.use(await startNats());
  const broker = opened.use(
    await connectBroker({ url: nats.url, name: "test" }),
  );
  await ensureTopology(broker, {
    eventsMaxBytes: 2 ** 28,
    ...{ taskTimeoutMs: 60_000, replicas: 1 },
  });
  const clashes = new Map<string, string[]>();
  const known = () => clashes;
  const models = opened.use(makeModels(broker, "Demo", { known }));
  const queueOf = (model: string) =>
    ensureWorkQueue(
      broker,
      { model, lane: "interactive", owner: "a" },
      { ackWaitMs: 15_000 },
    );
  const all = opened.move();
  return {
    ...{ nats, models, clashes, queueOf },
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

test("the default, an announced model and one with a queue are known, by any spelling of their slug", async () => {
  await using opened = await open();
  const { models, queueOf } = opened;
  models.note("Qwen2.5-7B-Q4_K_M");
  await queueOf("demo");
  await queueOf("old-model");
  assert.equal(await models.choose("demo"), "Demo");
  assert.equal(await models.choose("Demo"), "Demo");
  assert.equal(await models.choose("qwen2-5-7b-q4_k_m"), "Qwen2.5-7B-Q4_K_M");
  assert.equal(await models.choose("old-model"), "old-model");
});

test("another one is refused, and the known ones are listed", async () => {
  await using opened = await open();
  const { models, queueOf } = opened;
  models.note("Qwen2.5-7B");
  for (const model of ["demo", "qwen2-5-7b", "old-model"]) await queueOf(model);
  for (const wanted of ["demo2", "…", "old", ""])
    await assert.rejects(
      models.choose(wanted),
      refusal("Demo, Qwen2.5-7B, old-model"),
    );
});

test("a queue that is made later is found", async () => {
  await using opened = await open();
  const { models, queueOf } = opened;
  await assert.rejects(models.choose("late"), refusal("Demo"));
  await queueOf("late");
  const found = () => models.choose("late").catch(() => undefined);
  assert.equal(await eventually(found), "late");
});

test("without a broker nobody is told that a model does not exist", async () => {
  await using opened = await open();
  const { models, nats } = opened;
  await nats.stop();
  await assert.rejects(
    models.choose("late"),
    (error) => error instanceof ApiError && error.code === "unavailable",
  );
  assert.equal(await models.choose("demo"), "Demo");
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
