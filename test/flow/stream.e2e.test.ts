/** The text of a running task, as its readers see it. */
import { eventually, startStack, type Stack } from "@jetscribe/testing";
import assert from "node:assert/strict";
import { afterAll, beforeAll, describe, test } from "vitest";
import { call, outcome, post } from "./client.ts";
import { readAll, readStream, textOf, type ServerEvent } from "./sse.ts";

const names = (events: readonly ServerEvent[]) =>
  events.map(({ event }) => event);
const last = (events: readonly ServerEvent[]) => events.at(-1);

describe("a stream of the real model", () => {
  let stack: Stack;
  beforeAll(async () => {
    stack = await startStack();
  });
  afterAll(() => stack.stop());

  test("brings the text while it is written, and ends with the result", async () => {
    // Its own end may come with the first token, and the text may be whole before a stream of it is open.
    const fields = { max_tokens: 600, temperature: 1, ignore_eos: true };
    await stack.kill("inference", "SIGSTOP");
    const id = await post(stack, fields);
    const events: ServerEvent[] = [];
    for await (const event of readStream(stack, id))
      if (events.push(event) === 1) await stack.kill("inference", "SIGCONT");
    const result = await outcome(stack, id);
    assert.equal(textOf(events), result["result"]);
    const tokens = events.filter(({ event }) => event === "token");
    assert.ok(tokens.length > 1, `${tokens.length} pieces`);
    for (const token of tokens)
      assert.match(
        String(token.id),
        token === last(tokens) ? /^1\.(?:\d+|end)$/ : /^1\.\d+$/,
      );
    assert.equal(last(events)?.event, "completed");
    assert.deepEqual(last(events)?.data, result);
    assert.ok(!names(events).includes("reset"));
  });

  test("can be opened afterwards, with the same text", async () => {
    const id = await post(stack, { max_tokens: 32 });
    const result = await outcome(stack, id);
    const events = await readAll(stack, id);
    assert.deepEqual(names(events), ["status", "token", "completed"]);
    assert.equal(textOf(events), result["result"]);
  });

  test("of a task that fails ends with its failure", async () => {
    const id = await post(stack, { max_tokens: 32_768 });
    const events = await readAll(stack, id);
    assert.equal(last(events)?.event, "failed");
    assert.equal(last(events)?.data["error_type"], "ValidationError");
  });
});

describe("a stream", () => {
  let stack: Stack;
  beforeAll(async () => {
    const pace = { FAKE_MS: "1500", FAKE_TOKENS: "60", SLOTS: "64" };
    stack = await startStack({ env: { ENGINE: "fake", ...pace } });
  });
  afterAll(() => stack.stop());

  test("says in which state the task is", async () => {
    const id = await post(stack, { max_tokens: 240, ignore_eos: true });
    const events = await readAll(stack, id);
    const states = events
      .filter(({ event }) => event === "status")
      .map(({ data }) => data["status"]);
    // It is told again with each new place in the queue.
    const changes = states.filter((state, i) => state !== states[i - 1]);
    assert.equal(changes.at(-1), "processing");
    assert.equal(new Set(changes).size, changes.length);
  });

  test("goes on behind the last event, however often it is cut", async () => {
    // Longer than the stack's pace: also a slow reader has to come back often.
    const id = await post(stack, { max_tokens: 240, ignore_eos: true });
    const events: ServerEvent[] = [];
    let cuts = 0;
    while (last(events)?.event !== "completed") {
      const lastEventId = events.findLast(({ id }) => id !== undefined)?.id;
      const cut = new AbortController();
      let taken = 0;
      const options = {
        signal: cut.signal,
        ...(lastEventId !== undefined && { lastEventId }),
      };
      for await (const event of readStream(stack, id, options)) {
        if (event.event === "status") continue;
        events.push(event);
        if (++taken === 3 && event.event === "token") break;
      }
      cut.abort();
      cuts++;
    }
    assert.ok(cuts > 3, `${cuts} connections`);
    assert.ok(!names(events).includes("reset"));
    const { result } = await outcome(stack, id);
    assert.equal(textOf(events), result);
  });

  test("is there for a thousand readers at once", async () => {
    const ids = await Promise.all(
      Array.from({ length: 20 }, () => post(stack, { max_tokens: 100 })),
    );
    const streams = await Promise.all(
      Array.from({ length: 1_000 }, (_, i) => readAll(stack, ids[i % 20]!)),
    );
    const { result } = await outcome(stack, ids[0]!);
    for (const events of streams) {
      assert.equal(last(events)?.event, "completed");
      assert.equal(textOf(events), result);
    }
  });

  test("of another key's task is as one that never was, and needs a key", async () => {
    const id = await post(stack);
    const foreign = await call({ ...stack, key: "wrong" }, `/stream/${id}`);
    assert.equal(foreign.status, 401);
    const unknown = await call(stack, `/stream/${crypto.randomUUID()}`);
    assert.equal(unknown.status, 404);
  });

  test("survives a broker that is killed on the way", async () => {
    const id = await post(stack, { max_tokens: 100 });
    const events: ServerEvent[] = [];
    const reading = (async () => {
      for await (const event of readStream(stack, id)) events.push(event);
    })();
    await eventually(() => names(events).includes("token"));
    await stack.nats.kill();
    await stack.nats.restart();
    await reading;
    const { result } = await outcome(stack, id);
    assert.equal(last(events)?.event, "completed");
    assert.equal(textOf(events), result);
  });
});
