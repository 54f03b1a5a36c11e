/** What a waiting task is told: its place, its wait, and how they change; and how wrong that was. */
import { eventually, startStack, type Stack } from "@jetscribe/testing";
import assert from "node:assert/strict";
import { afterAll, beforeAll, describe, test } from "vitest";

describe("waiting", () => {
  let stack: Stack;
  beforeAll(async () => {
    stack = await startStack({
      env: { ENGINE: "fake", FAKE_MS: "1000", SLOTS: "1" },
    });
  });
  afterAll(() => stack.stop());

  async function call(path: string, body?: object) {
    const response = await fetch(stack.url + path, {
      headers: { "x-api-key": stack.key, "content-type": "application/json" },
      ...(body && { method: "POST", body: JSON.stringify(body) }),
    });
    return (await response.json()) as Record<string, unknown>;
  }
  const submit = async (more = {}) =>
    String((await call("/generate", { prompt: "p", ...more }))["task_id"]);
  const statusOf = (id: string) => call(`/status/${id}`);
  /** What its request says of its wait. */
  async function estimateOf(id: string): Promise<unknown> {
    const { events } = await call(`/tasks/${id}/events`);
    const [requested] = events as { data: Record<string, unknown> }[];
    return requested?.data["estimated_wait"];
  }
  async function tasksWithError(): Promise<number> {
    const { wait_error } = await call("/health");
    return Number((wait_error as { tasks: number } | undefined)?.tasks ?? 0);
  }

  test("a place in the queue and a wait are said, and shrink; on the stream without a call", async () => {
    // Once the worker has said what it does, there are estimates.
    await call(`/result/${await submit()}?wait=30`);
    await eventually(async () => {
      const { workers } = await call("/health");
      const [worker] = workers as Record<string, unknown>[];
      return worker?.["tokens_per_second"];
    });
    const before = await tasksWithError();
    const ids = [];
    for (let i = 0; i < 12; i++) ids.push(await submit());
    const last = ids.at(-1) ?? "";
    const first = await eventually(async () => {
      const status = await statusOf(last);
      return Number(status["queue_position"]) > 5 && status;
    });
    assert.ok(Number(first["estimated_wait"]) > 0);

    const stream = await fetch(`${stack.url}/stream/${last}`, {
      headers: { "x-api-key": stack.key },
    });
    // It ends with the task.
    const text = await stream.text();
    const states = [...text.matchAll(/event: status\ndata: (.*)\n/g)].map(
      ([, data = ""]) => JSON.parse(data) as Record<string, unknown>,
    );
    const told = states.flatMap((one) => one["queue_position"] ?? []);
    assert.ok(told.length >= 2, JSON.stringify(states));
    assert.deepEqual(
      told,
      told.toSorted((a, b) => Number(b) - Number(a)),
    );
    assert.ok(states.some((one) => Number(one["estimated_wait"]) > 0));
    const { queue_position, estimated_wait } = await statusOf(last);
    assert.deepEqual([queue_position, estimated_wait], [null, null]);
    // Each that was given an estimate, and no other one, has left its error.
    for (const id of ids) await call(`/result/${id}?wait=60`);
    const estimates = await Promise.all(ids.map(estimateOf));
    const given = estimates.filter((estimate) => estimate !== undefined);
    assert.ok(given.length > 0);
    const expected = before + given.length;
    await eventually(async () => (await tasksWithError()) >= expected);
    assert.equal(await tasksWithError(), expected);
  });

  test("a batch task waits behind nine interactive ones, and not behind all", async () => {
    const blocker = await submit({ lane: "batch" });
    await eventually(
      async () => (await statusOf(blocker))["status"] !== "queued",
    );
    for (let i = 0; i < 14; i++) await submit();
    const bulk = await submit({ lane: "batch" });
    const { queue_position } = await eventually(async () => {
      const status = await statusOf(bulk);
      return Number(status["queue_position"]) > 0 && status;
    });
    assert.ok(Number(queue_position) <= 10, String(queue_position));
  });
});
