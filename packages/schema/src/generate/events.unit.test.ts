import assert from "node:assert/strict";
import { readdirSync, readFileSync } from "node:fs";
import { basename } from "node:path";
import * as z from "zod";
import { describe, test } from "vitest";
import { eventTypes, messageId, Metrics, type TaskEvent } from "./events.ts";
import { isOutcome } from "./isOutcome.ts";
import type { EventType } from "./kinds.ts";

const folder = new URL("../../fixtures/events/v1/", import.meta.url);
const types = Object.keys(eventTypes) as EventType[];

/** `GenerateStarted.full.json`: the type, and what is special about the sample. */
const fixtures = readdirSync(folder).map((file) => {
  const [name = "", sample = ""] = basename(file, ".json").split(".");
  const text = readFileSync(new URL(file, folder), "utf8");
  return {
    file,
    name,
    sample,
    data: JSON.parse(text) as Record<string, unknown>,
  };
});

function typeOf(name: string): EventType {
  const type = types.find((one) => one === name);
  return type ?? assert.fail(`${name} is no event type`);
}

/** The fixtures of one type, as fields to values. */
const samplesOf = (type: EventType) =>
  fixtures.filter(({ name }) => name === type);

describe("frozen events of v1", () => {
  for (const { file, name, data } of fixtures)
    test(`${file} parses and keeps every field`, () => {
      assert.deepEqual(eventTypes[typeOf(name)].schema.parse(data), data);
    });

  for (const type of types)
    test(`${type} has a sample with no optional field and samples with each`, () => {
      const { shape } = eventTypes[type].schema;
      const required = Object.entries(shape)
        .filter(([, field]) => !z.safeParse(field, undefined).success)
        .map(([field]) => field);
      const samples = samplesOf(type);
      const minimal = samples.find(({ sample }) => sample === "minimal");
      const optional = type === "GenerateRequested" ? ["prompt"] : [];
      assert.deepEqual(
        Object.keys(minimal?.data ?? {}).sort(),
        [...required, ...optional].sort(),
      );
      const seen = new Set(samples.flatMap(({ data }) => Object.keys(data)));
      assert.deepEqual([...seen].sort(), Object.keys(shape).sort());
    });

  test("the samples have each of the metrics", () => {
    const seen = new Set(
      fixtures.flatMap(({ data }) => Object.keys(data["metrics"] ?? {})),
    );
    assert.deepEqual([...seen].sort(), Object.keys(Metrics.shape).sort());
  });

  test("a reader drops fields that it doesn't know", () => {
    for (const { name, data } of fixtures) {
      const later = { ...data, added_in_a_later_version: true };
      assert.deepEqual(eventTypes[typeOf(name)].schema.parse(later), data);
    }
  });

  test("a required field can't be left out", () => {
    for (const type of types) {
      const minimal = samplesOf(type).find((one) => one.sample === "minimal");
      const { prompt: _, ...data } = { prompt: "", ...minimal?.data };
      for (const field of Object.keys(data)) {
        const less = { ...data, [field]: undefined };
        assert.ok(!eventTypes[type].schema.safeParse(less).success, field);
      }
    }
  });
});

const events = fixtures.map(
  ({ name, data }) => ({ type: name, data }) as TaskEvent,
);

test("completed, failed and cancelled are outcomes, and share one message id", () => {
  for (const event of events) {
    const ends = /Completed|Failed|Cancelled/.test(event.type);
    assert.equal(isOutcome(event), ends);
    const id = `${event.data.task_id}.outcome`;
    assert.equal(messageId(event) === id, ends);
  }
});

test("a started and a retried event have one message id per attempt", () => {
  for (const event of events) {
    const { task_id } = event.data;
    if (event.type === "GenerateRequested")
      assert.equal(messageId(event), `${task_id}.requested`);
    if (event.type === "GenerateStarted" || event.type === "GenerateRetried") {
      const { word } = eventTypes[event.type];
      const { attempt } = event.data;
      assert.equal(messageId(event), `${task_id}.${word}.${attempt}`);
    }
  }
});
