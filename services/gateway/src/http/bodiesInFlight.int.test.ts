/** The gateway's app over real HTTP, with an acceptance that takes as long as a test wants. */
import { eventually } from "@jetscribe/testing";
import assert from "node:assert/strict";
import { once } from "node:events";
import { request as httpRequest, type IncomingMessage } from "node:http";
import { connect, type Socket } from "node:net";
import { describe, test } from "vitest";
import { ApiKeyList } from "../keys/apiKeys.ts";
import { callKeys, unlimited } from "../../test/appTestKit.ts";
import { buildApp } from "./app.ts";
import type { AppDeps } from "./appDeps.ts";
import { makeBodyRoom } from "../admission/bodyRoom.ts";

const bodyLimit = 60_000;
const key = "0123456789abcdef";

/** Room for one body of 40 kB, and not for two. */
async function start() {
  const stop = new AbortController();
  const waiting: (() => void)[] = [];
  const keys = callKeys(ApiKeyList.parse(`a:${key}`));
  const accepted = { taskId: "1" };
  const deps = {
    ...unlimited,
    keys,
    stopping: stop.signal,
    log: { warn: () => undefined, error: () => undefined },
    acceptOnce: () =>
      new Promise<{ taskId: string }>((resolve) =>
        waiting.push(() => resolve(accepted)),
      ),
    waitForOutcome: () => new Promise(() => undefined),
    calls: { of: () => () => undefined },
  };
  const app = await buildApp(deps as unknown as AppDeps, {
    ...{ bodyLimit, bodies: makeBodyRoom(64_000), trustProxy: false },
  });
  const url = await app.listen({ host: "127.0.0.1", port: 0 });

  let hungUp = 0;
  let last: Socket | undefined;
  app.server.on("connection", (socket: Socket) => {
    last = socket;
    socket.once("close", () => hungUp++);
  });

  /** The head of a call; its body is up to the caller. */
  function open(headers: Record<string, string | number>) {
    const call = httpRequest(`${url}/generate`, {
      method: "POST",
      headers: {
        ...{ "x-api-key": key, "content-type": "application/json" },
        ...headers,
      },
    });
    call.on("error", () => undefined);
    call.flushHeaders();
    return call;
  }
  const send = (body: string, headers: Record<string, string> = {}) => {
    const call = open({ "content-length": body.length, ...headers });
    const answered = once(call, "response") as Promise<[IncomingMessage]>;
    call.end(body);
    return answered.then(([{ statusCode, headers: got }]) => ({
      ...{ status: statusCode, retryAfter: got["retry-after"] },
    }));
  };
  return {
    ...{ open, send, waiting, hungUp: () => hungUp },
    port: Number(new URL(url).port),
    /** Bytes that came on the last connection. */
    received: () => last?.bytesRead ?? 0,
    /** Whether a body of 40 kB is taken; it is stored at once then. */
    async hasRoom() {
      const before = waiting.length;
      const answer = send(large);
      const taken = eventually(() => waiting.length > before).then(() => true);
      const refused = answer.then(({ status }) => status !== 503);
      const hasRoom = await Promise.race([taken, refused]);
      if (hasRoom) waiting.at(-1)!();
      await answer;
      return hasRoom;
    },
    async [Symbol.asyncDispose]() {
      stop.abort();
      app.server.closeAllConnections();
      await app.close();
      keys[Symbol.dispose]();
    },
  };
}

const large = JSON.stringify({ prompt: "x".repeat(40_000) });

describe("the bytes of all bodies in flight", { concurrent: true }, () => {
  test("are limited: over it a call is a 503 with Retry-After before its body is read", async () => {
    await using app = await start();
    const first = app.send(large);
    await eventually(() => app.waiting.length === 1);
    const second = app.open({ "content-length": large.length });
    const [answer] = (await once(second, "response")) as [IncomingMessage];
    assert.equal(answer.statusCode, 503);
    assert.equal(answer.headers["retry-after"], "1");
    let text = "";
    for await (const part of answer) text += String(part);
    assert.match(text, /"limit":\{"name":"BODIES_IN_FLIGHT","value":64000\}/);
    second.destroy();
    // One that fits is taken.
    const small = app.send(JSON.stringify({ prompt: "hi" }));
    await eventually(() => app.waiting.length === 2);
    for (const accept of app.waiting) accept();
    assert.equal((await first).status, 202);
    assert.equal((await small).status, 202);
    assert.ok(await app.hasRoom());
  });

  test("count a body in chunks as the largest that there may be", async () => {
    await using app = await start();
    const call = app.open({ "transfer-encoding": "chunked" });
    await eventually(async () => !(await app.hasRoom()));
    call.destroy();
    await eventually(() => app.hasRoom());
  });

  test("leave out a body that the caller took back half way", async () => {
    await using app = await start();
    const call = app.open({ "content-length": large.length });
    call.write(large.slice(0, 20_000));
    await eventually(async () => !(await app.hasRoom()));
    call.destroy();
    await eventually(() => app.hasRoom());
  });

  test("count a body whose caller hung up until it is stored", async () => {
    await using app = await start();
    const call = app.open({ "content-length": large.length });
    call.end(large);
    await eventually(() => app.waiting.length === 1);
    call.destroy();
    await eventually(() => app.hungUp() === 1);
    assert.equal(await app.hasRoom(), false);
    app.waiting[0]!();
    await eventually(() => app.hasRoom());
  });

  test("leave out a body that is stored while its caller waits for the result", async () => {
    await using app = await start();
    const waits = app.send(large, { prefer: "wait=30" });
    waits.catch(() => undefined);
    await eventually(() => app.waiting.length === 1);
    assert.equal(await app.hasRoom(), false);
    app.waiting[0]!();
    await eventually(() => app.hasRoom());
  });

  test("leave out what was refused behind a call that waits, whose caller hung up", async () => {
    await using app = await start();
    const invalid = JSON.stringify({ prompt: 1, x: "x".repeat(40_000) });
    const posted = (body: string) =>
      `POST /generate HTTP/1.1\r\nHost: a\r\nX-API-Key: ${key}\r\nContent-Type: application/json\r\nContent-Length: ${body.length}\r\n\r\n${body}`;
    const socket = connect(app.port, "127.0.0.1");
    socket.on("error", () => undefined);
    socket.write(posted('{"prompt":"hi"}') + posted(invalid));
    await eventually(() => app.waiting.length === 1);
    // Its answer waits for that of the first one.
    await eventually(() => app.received() > invalid.length);
    socket.destroy();
    await eventually(() => app.hungUp() === 1);
    await eventually(() => app.hasRoom());
  });

  test("leave out what was refused", async () => {
    await using app = await start();
    const broken = `{${" ".repeat(40_000)}`;
    const invalid = JSON.stringify({ prompt: 1, x: "x".repeat(40_000) });
    for (const body of [broken, invalid])
      assert.equal((await app.send(body)).status, 400);
    const tooLarge = JSON.stringify({ prompt: "x".repeat(bodyLimit) });
    assert.equal((await app.send(tooLarge)).status, 413);
    const headers = { "x-api-key": "nobody's" };
    assert.equal((await app.send(large, headers)).status, 401);
    assert.ok(await app.hasRoom());
  });
});
