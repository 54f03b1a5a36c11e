/** Two workers whose models' names are one in subjects: nobody gets the other model's answer. */
import { connectBroker } from "@jetscribe/event-log/broker/connection";
import {
  announceProjection,
  announceWorker,
} from "@jetscribe/event-log/signals/signals";
import type { WorkerAnnouncement } from "@jetscribe/schema";
import { eventually, startStack } from "@jetscribe/testing";
import assert from "node:assert/strict";
import { test } from "vitest";
import { call } from "./client.ts";

const names = ["Demo", "demo"];
const worker = (model: string): WorkerAnnouncement => ({
  ...{ worker_id: `w-${model}`, model, engine: "fake", model_loaded: true },
  ...{ slots: 1, tasks: [] },
});

test("requests are refused with both names while both are there, and /health says so", async () => {
  await using stack = await startStack({
    services: ["gateway"],
    healthyWithinMs: 0,
  });
  await using broker = await connectBroker({ url: stack.natsUrl, name: "w" });
  const announce = (model: string, more = {}) =>
    announceWorker(broker, "demo", { ...worker(model), ...more });
  const health = async (wanted: string) =>
    eventually(async () => {
      for (const name of names) announce(name);
      for (const name of ["results", "logger"])
        announceProjection(broker, {
          ...{ name, instance: "i", leading: true, seq: 0, caught_up: true },
        });
      const { status, body } = await call(stack, "/health");
      return body["status"] === wanted && { status, body };
    });
  const ask = (fields: object) =>
    call(stack, "/generate", {
      method: "POST",
      body: JSON.stringify({ prompt: "p", ...fields }),
    });

  const { status, body } = await health("degraded");
  assert.equal(status, 200);
  assert.deepEqual(body["model_clashes"], [names]);
  for (const fields of [{}, ...names.map((model) => ({ model }))]) {
    const refused = await ask(fields);
    assert.equal(refused.status, 503, JSON.stringify(refused.body));
    assert.match(String(refused.body["detail"]), /Demo and demo/);
  }
  await eventually(() =>
    stack.output("gateway").includes("names of two models have one slug"),
  );

  names.pop();
  announce("demo", { leaving: true });
  const after = await health("healthy");
  assert.equal(after.body["model_clashes"], undefined);
  assert.equal((await ask({})).status, 202);
});
