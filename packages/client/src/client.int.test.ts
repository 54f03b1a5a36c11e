/** The client against the real system, with connections that fail on the way. */
import { eventually, startStack, type Stack } from "@jetscribe/testing";
import assert from "node:assert/strict";
import { randomUUID } from "node:crypto";
import { afterAll, beforeAll, describe, test } from "vitest";
import { ClientError, makeClient, type StreamEvent } from "./client.ts";

describe("the client", () => {
  let stack: Stack;
  beforeAll(async () => {
    stack = await startStack({
      env: { ENGINE: "fake", FAKE_MS: "1500", FAKE_TOKENS: "60" },
    });
  });
  afterAll(() => stack?.stop());

  const client = (fetching: typeof fetch = fetch, maxRetries?: number) =>
    makeClient({
      url: `${stack.url}/`,
      apiKey: stack.key,
      fetch: fetching,
      ...(maxRetries !== undefined && { maxRetries }),
    });

  /** It stays open until it is cancelled. */
  const inAnHour = () => {
    const not_before = Date.now() / 1_000 + 3_600;
    return client().generate({ prompt: "later", not_before });
  };

  /** A fetch whose calls of these numbers (from 1) reach the server, while their answers are lost. */
  function losing(...lost: number[]) {
    let calls = 0;
    const fetching: typeof fetch = async (...args) => {
      const number = ++calls;
      const response = await fetch(...args);
      if (!lost.includes(number)) return response;
      await response.arrayBuffer();
      throw new TypeError("fetch failed");
    };
    return { fetching, calls: () => calls };
  }

  test("a prompt, its status, its stream and its outcome", async () => {
    const { generate, status, stream, wait, result } = client();
    const { task_id } = await generate({ prompt: "hi", max_tokens: 20 });
    assert.equal((await status(task_id)).task_id, task_id);
    const events = await Array.fromAsync(stream(task_id));
    const last = events.at(-1);
    assert.ok(last?.type === "outcome" && last.outcome.status === "completed");
    assert.equal(textOf(events), last.outcome.result);
    assert.deepEqual(await wait(task_id), last.outcome);
    assert.deepEqual(await result(task_id), last.outcome);
  });

  test("tasks are listed over pages, and by a filter", async () => {
    const { generate, tasks } = client();
    const metadata = { "group of": "pages 100%" };
    const ids: string[] = [];
    for (let i = 0; i < 120; i++) {
      const lane = i % 2 ? "batch" : "interactive";
      const request = { prompt: "hi", max_tokens: 1, lane, metadata } as const;
      ids.unshift((await generate(request)).task_id);
    }
    const idsOf = async (filter: Parameters<typeof tasks>[0]) =>
      (await Array.fromAsync(tasks(filter))).map(({ task_id }) => task_id);
    assert.deepEqual(await idsOf({ metadata }), ids);
    for (const [status, expected] of [
      [["queued" as const, "processing" as const, "completed" as const], ids],
      [["failed" as const, "cancelled" as const], []],
    ] as const)
      assert.deepEqual(
        await idsOf({ metadata, status: [...status] }),
        expected,
      );
    const batch = ids.filter((_, i) => i % 2 === 0);
    assert.deepEqual(await idsOf({ metadata, lane: "batch" }), batch);
  });

  test("an answer that is lost makes no second task", async () => {
    const { fetching, calls } = losing(1, 2);
    const { task_id } = await client(fetching).generate({ prompt: "lost" });
    assert.equal(calls(), 3);
    assert.equal((await client().wait(task_id)).status, "completed");
    const key = randomUUID();
    const first = await client(losing(1).fetching).generate(
      { prompt: "kept" },
      { idempotencyKey: key },
    );
    const again = await client().generate(
      { prompt: "kept" },
      { idempotencyKey: key },
    );
    assert.equal(again.task_id, first.task_id);
  });

  test("a batch whose answers are lost makes each task once, and tells what is refused", async () => {
    const { fetching } = losing(1, 2);
    const requests = [{ prompt: "a" }, { prompt: "" }, { prompt: "c" }];
    const idempotencyKey = randomUUID();
    const sent = await client(fetching).generateBatch(requests, {
      idempotencyKey,
    });
    assert.deepEqual([sent.accepted, sent.refused], [2, 1]);
    const [first, second, third] = sent.items;
    assert.ok(first && "task_id" in first && first.replayed);
    assert.ok(second && "problem" in second);
    assert.equal(second.problem.status, 400);
    assert.ok(third && "task_id" in third);
    assert.equal((await client().wait(third.task_id)).status, "completed");
  });

  test("an ended task is run again, once, however often the call is sent", async () => {
    const { fetching, calls } = losing(1, 2);
    const { generate, retry, cancel, wait, events: eventsOf } = client();
    const open = await inAnHour();
    await assert.rejects(retry(open.task_id), { status: 409 });
    await cancel(open.task_id);
    const first = await generate({ prompt: "one" });
    await wait(first.task_id);
    const overrides = { prompt: "two", max_tokens: 3 };
    const again = await client(fetching).retry(first.task_id, overrides);
    assert.equal(calls(), 3);
    const outcome = await wait(again.task_id);
    assert.ok(outcome.status === "completed");
    assert.equal(outcome.metrics.completion_tokens, 3);
    const { events } = await eventsOf(again.task_id);
    assert.ok(events[0]?.type === "GenerateRequested");
    assert.equal(events[0].data.retry_of, first.task_id);
  });

  test("a stream that is cut again and again has all the text, once", async () => {
    const { task_id } = await client().generate({
      prompt: "cut",
      max_tokens: 60,
    });
    let connections = 0;
    /** Each connection ends within its third piece, or before its end; the fifth one is whole. */
    const cutting: typeof fetch = async (...args) => {
      const response = await fetch(...args);
      if (++connections === 5 || response.body === null) return response;
      let pieces = 0;
      let held = new Uint8Array();
      const cut = () => new TypeError("terminated");
      const body = response.body.pipeThrough(
        new TransformStream<Uint8Array, Uint8Array>({
          transform(piece, controller) {
            if (++pieces === 3) throw cut();
            controller.enqueue(held);
            controller.enqueue(piece.subarray(0, -3));
            held = piece.slice(-3);
          },
          flush() {
            throw cut();
          },
        }),
      );
      return new Response(body, response);
    };
    const events = await Array.fromAsync(client(cutting).stream(task_id));
    const outcome = await client().wait(task_id);
    assert.equal(connections, 5);
    assert.ok(outcome.status === "completed");
    assert.equal(textOf(events), outcome.result);
    const ids = events.flatMap((event) =>
      event.type === "token" ? event.id : [],
    );
    assert.equal(new Set(ids).size, ids.length);
  });

  test("a stream goes on where its reader was, and leaving it leaves the task", async () => {
    const { generate, stream, wait } = client();
    const { task_id } = await generate({ prompt: "two", max_tokens: 40 });
    const events: StreamEvent[] = [];
    let lastEventId = "";
    for await (const event of stream(task_id)) {
      events.push(event);
      if (event.type !== "token") continue;
      lastEventId = event.id;
      if (events.length > 4) break;
    }
    for await (const event of stream(task_id, { lastEventId }))
      events.push(event);
    const outcome = await wait(task_id);
    assert.ok(outcome.status === "completed");
    assert.equal(textOf(events), outcome.result);
  });

  test("a gateway that is away for a while is waited for", async () => {
    // As many attempts as a slow machine needs to start the gateway.
    const { generate, wait } = client(fetch, 60);
    await stack.kill("gateway");
    const accepted = generate({ prompt: "later" });
    await stack.restart("gateway");
    const { task_id } = await accepted;
    assert.equal((await wait(task_id)).status, "completed");
  });

  test("cancel, and what can't be cancelled any more", async () => {
    const { generate, cancel, wait } = client();
    const { task_id } = await inAnHour();
    await cancel(task_id);
    assert.equal((await wait(task_id)).status, "cancelled");
    const done = await generate({ prompt: "yes", max_tokens: 1 });
    await wait(done.task_id);
    await assert.rejects(cancel(done.task_id), { status: 409 });
  });

  test("a refusal says what is wrong, and is not tried again", async () => {
    const { fetching, calls } = losing();
    const refused = client(fetching).generate({ prompt: "", max_tokens: 0 });
    await assert.rejects(refused, (error: unknown) => {
      assert.ok(error instanceof ClientError);
      assert.equal(error.status, 400);
      const fields = error.problem?.errors?.map(({ field }) => field);
      assert.deepEqual(fields, ["prompt", "max_tokens"]);
      return true;
    });
    assert.equal(calls(), 1);
    await assert.rejects(client().result(randomUUID()), { status: 404 });
  });

  test("what fails in passing is tried again as often as asked, and not before Retry-After", async () => {
    const times: number[] = [];
    const busy: typeof fetch = () => {
      times.push(performance.now());
      const headers = { "retry-after": "1" };
      return Promise.resolve(new Response("busy", { status: 503, headers }));
    };
    await assert.rejects(client(busy, 2).generate({ prompt: "x" }), {
      name: "ClientError",
      status: 503,
    });
    assert.equal(times.length, 3);
    const [first = 0, second = 0, third = 0] = times;
    assert.ok(second - first >= 995 && third - second >= 995);
  });

  test("a stream whose connections bring no text again and again ends as an error", async () => {
    let connections = 0;
    const empty: typeof fetch = () => {
      connections++;
      return Promise.resolve(new Response("event: status\ndata: {}\n\n"));
    };
    const streaming = Array.fromAsync(client(empty, 2).stream(randomUUID()));
    await assert.rejects(streaming, /ends again and again/);
    assert.equal(connections, 3);
  });

  test("what a body breaks off in is tried again, and what a server wants to wait too long for is not", async () => {
    let calls = 0;
    const breaking: typeof fetch = async (...args) => {
      const response = await fetch(...args);
      if (++calls > 1) return response;
      const start = (await response.text()).slice(0, 10);
      return new Response(start, response);
    };
    const { task_id } = await client(breaking).generate({ prompt: "whole" });
    assert.equal(calls, 2);
    assert.equal((await client().wait(task_id)).status, "completed");
    const headers = { "retry-after": "3600" };
    const closed: typeof fetch = () => {
      calls++;
      return Promise.resolve(new Response("", { status: 503, headers }));
    };
    await assert.rejects(client(closed).result(task_id), { status: 503 });
    assert.equal(calls, 3);
  });

  test("an address that is none, and a key that no header takes, are told at once", () => {
    const { url, key: apiKey } = stack;
    assert.throws(() => makeClient({ url: "localhost", apiKey }), TypeError);
    assert.throws(() => makeClient({ url, apiKey: "ключ" }), TypeError);
  });

  test("a signal ends a wait and a stream; the task goes on", async () => {
    const { generate, wait, stream } = client();
    const { task_id } = await generate({ prompt: "on", max_tokens: 60 });
    const controller = new AbortController();
    const { signal } = controller;
    const waiting = wait(task_id, { signal });
    const streaming = Array.fromAsync(stream(task_id, { signal }));
    controller.abort(new Error("enough"));
    await assert.rejects(waiting, /enough/);
    await assert.rejects(streaming, /enough/);
    await eventually(
      async () => (await client().result(task_id)).status === "completed",
    );
  });
});

function textOf(events: readonly StreamEvent[]): string {
  let text = "";
  for (const event of events) {
    if (event.type === "reset") text = "";
    if (event.type === "token") text += event.text;
  }
  return text;
}
