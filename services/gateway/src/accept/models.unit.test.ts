import type { WorkerAnnouncement } from "@jetscribe/schema";
import assert from "node:assert/strict";
import { test } from "vitest";
import { clashesOf, watchNameClashes } from "./models.ts";

const worker = (model: string): WorkerAnnouncement => ({
  ...{ worker_id: `w-${model}`, model, engine: "fake", model_loaded: true },
  ...{ slots: 1, tasks: [] },
});

test("several workers of one model, and models with slugs of their own, don't clash", () => {
  const workers = ["Qwen2.5-7B", "Qwen2.5-7B", "Qwen2.5", "demo"].map(worker);
  assert.deepEqual([...clashesOf(workers)], []);
});

test("two names with one slug clash", () => {
  const workers = ["qwen2 5", "Qwen2.5", "demo", "qwen2 5"].map(worker);
  assert.deepEqual(
    [...clashesOf(workers)],
    [["qwen2-5", ["Qwen2.5", "qwen2 5"]]],
  );
});

test("a clash is logged once while it lasts, and again when it comes back", () => {
  let workers = [worker("Demo"), worker("demo")];
  const logged: unknown[] = [];
  const log = { error: (facts: unknown) => logged.push(facts) };
  using clashes = watchNameClashes({ all: () => workers }, log);
  const fact = { slug: "demo", models: ["Demo", "demo"] };
  clashes.look();
  clashes.look();
  assert.deepEqual(logged, [fact]);
  assert.deepEqual([...clashes.known().keys()], ["demo"]);

  workers = [worker("demo")];
  clashes.look();
  assert.equal(clashes.known().size, 0);
  workers.push(worker("Demo"));
  clashes.look();
  assert.deepEqual(logged, [fact, fact]);
});
