import { metricsOf, newTaskId } from "@jetscribe/schema";
import assert from "node:assert/strict";
import { describe, test } from "vitest";
import type { StreamEvent } from "../stream/textFeed.ts";
import { readAnswer, TextChanged } from "./readAnswer.ts";
import { TaskFailed } from "./taskFailed.ts";

const token = (text: string): StreamEvent => ({
  event: "token",
  id: "1.1",
  data: { text },
});
const reset: StreamEvent = { event: "reset", data: { attempt: 2 } };
const status: StreamEvent = { event: "status", data: { status: "queued" } };
const metrics = metricsOf({ enqueue: 1, firstStart: 1, outcome: 2 }, 1, 1);
const outcome = { task_id: newTaskId(), metrics };
const completed = (result: string): StreamEvent => ({
  event: "completed",
  data: { ...outcome, status: "completed", result, finish_reason: "stop" },
});

const over = new Error("over");

/** The texts that a reader gets of these events, and how it ends. */
async function read(...events: StreamEvent[]) {
  const texts: string[] = [];
  async function* stream() {
    await Promise.resolve();
    yield* events;
  }
  try {
    for await (const piece of readAnswer(stream(), () => over))
      texts.push("text" in piece ? piece.text : piece.completed.finish_reason);
    return { texts };
  } catch (error) {
    return { texts, error };
  }
}

describe("an answer that is read from a stream", () => {
  test("has each token, and the outcome", async () => {
    const { texts, error } = await read(
      ...[status, token("a"), token("b"), completed("ab")],
    );
    assert.deepEqual(texts, ["a", "b", "stop"]);
    assert.equal(error, undefined);
  });

  test("goes on where the task began anew and writes the same, however it is cut", async () => {
    for (const again of [["a", "b", "cd", "e"], ["abcde"], ["abc", "de"]]) {
      const { texts, error } = await read(
        ...[token("ab"), token("c"), reset, ...again.map(token)],
        completed("abcde"),
      );
      assert.equal(error, undefined);
      assert.equal(texts.pop(), "stop");
      assert.equal(texts.join(""), "abcde");
    }
  });

  test("ends as an error where the task began anew and writes another text", async () => {
    for (const again of [["x"], ["ax"], ["a", "x"]]) {
      const { texts, error } = await read(
        ...[token("ab"), reset, ...again.map(token)],
      );
      assert.ok(error instanceof TextChanged);
      assert.deepEqual(texts, ["ab"]);
    }
    const shorter = await read(token("ab"), reset, token("a"), completed("a"));
    assert.ok(shorter.error instanceof TextChanged);
  });

  test("ends as an error of its own where the task has no text, or the stream no end", async () => {
    const failed: StreamEvent = {
      event: "failed",
      data: {
        ...{ ...outcome, status: "failed" },
        ...{ error_type: "TimeoutError", error_message: "too slow" },
      },
    };
    const { texts, error } = await read(token("a"), failed);
    assert.deepEqual(texts, ["a"]);
    assert.ok(error instanceof TaskFailed);
    assert.equal(error.status, 504);
    assert.equal(error.body.error.code, "timeout");
    assert.match(error.body.error.message, /too slow/);
    const cut = await read(token("a"));
    assert.equal(cut.error, over);
  });
});
