/** A gateway that is told to stop lets nobody wait, and waits for nobody who asks nothing. */
import { eventually, startStack, type Stack } from "@jetscribe/testing";
import assert from "node:assert/strict";
import { once } from "node:events";
import { connect } from "node:net";
import { test } from "vitest";
import { call, post } from "./client.ts";
import { readStream, type ServerEvent } from "./sse.ts";

/** Without what is tested here it would take 40 s, and be killed. */
const mostMs = 20_000;

/** A gateway that knows its queue, with a task that waits. */
async function open(): Promise<{ stack: Stack; id: string }> {
  const stack = await startStack({
    services: ["gateway", "results"],
    healthyWithinMs: 0,
  });
  const ready = async () =>
    (await fetch(`${stack.url}/readyz`).catch(() => undefined))?.ok;
  await eventually(ready);
  const id = await post(stack);
  await eventually(async () => {
    const { body } = await call(stack, `/status/${id}`);
    return Number(body["queue_position"]) > 0;
  });
  return { stack, id };
}

/** A connection on which no more comes than this; `closed` resolves when the gateway ends it. */
async function say(stack: Stack, text: string) {
  const socket = connect(Number(new URL(stack.url).port), "127.0.0.1");
  socket.on("error", () => {}); // "close" follows
  const closed = new Promise((resolve) => socket.once("close", resolve));
  // What it is told is thrown away: unread, it would keep the end from being seen.
  socket.resume();
  await once(socket, "connect");
  socket.write(text);
  return { closed };
}

async function stop(stack: Stack): Promise<void> {
  const start = performance.now();
  await stack.kill("gateway", "SIGTERM");
  const tookMs = performance.now() - start;
  assert.ok(tookMs < mostMs, `${tookMs} ms`);
  assert.match(stack.output("gateway"), /"msg":"stopped"/);
}

test("waits end with their 202, and streams as they do with their task", async () => {
  const { stack, id } = await open();
  await using _stack = stack;
  const waits = [
    ...[1, 2, 3].map(() => call(stack, `/result/${id}?wait=120`)),
    call(stack, "/generate", {
      method: "POST",
      headers: { prefer: "wait=120" },
      body: JSON.stringify({ prompt: "p" }),
    }),
  ];
  const streams = [1, 2, 3].map(() => readStream(stack, id));
  for (const stream of streams) {
    const first = (await stream.next()) as IteratorYieldResult<ServerEvent>;
    assert.equal(first.value.event, "status");
  }
  await stop(stack);
  for (const { status, body } of await Promise.all(waits)) {
    assert.equal(status, 202);
    assert.equal(body["status"], "queued");
  }
  // One that is broken off would reject.
  for (const stream of streams)
    for await (const { event } of stream) assert.equal(event, "status");
});

test("callers that ask nothing, or half of something, are not waited for", async () => {
  const { stack } = await open();
  await using _stack = stack;
  const head = "POST /generate HTTP/1.1\r\nHost: a\r\n";
  const rest = `X-API-Key: ${stack.key}\r\nContent-Type: application/json\r\nContent-Length: 99\r\n\r\n{`;
  const callers = [];
  for (const text of ["", head, head + rest])
    callers.push(await say(stack, text));
  await stop(stack);
  for (const { closed } of callers) await closed;
});

test("a request that is being stored gets its answer, also when all others are gone", async () => {
  const { stack } = await open();
  await using _stack = stack;
  const idle = await say(stack, "");
  await stack.nats.kill("SIGSTOP");
  const answer = call(stack, "/generate", {
    method: "POST",
    body: JSON.stringify({ prompt: "p" }),
  });
  // Its connection was made before this one's answer came: so it has reached the gateway.
  assert.equal((await fetch(`${stack.url}/livez`)).status, 200);
  const stopped = stop(stack);
  await idle.closed;
  await stack.nats.kill("SIGCONT");
  const { status, body } = await answer;
  assert.equal(status, 202, JSON.stringify(body));
  await stopped;
});
