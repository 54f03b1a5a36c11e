/** What is no request, over raw connections. */
import { eventually } from "@jetscribe/testing";
import fc from "fast-check";
import assert from "node:assert/strict";
import { once } from "node:events";
import { connect } from "node:net";
import { text } from "node:stream/consumers";
import { afterAll, beforeAll, describe, test } from "vitest";
import {
  assertProblem,
  hi,
  key,
  sendRaw,
  startApp,
  type Started,
} from "../../test/appTestKit.ts";

describe("what is no request", () => {
  let app: Started;
  beforeAll(async () => {
    app = await startApp();
  });
  afterAll(() => app.stop());

  test("whatever bytes come, what is answered is HTTP, and a refusal problem details", async () => {
    const line = fc.oneof(
      fc.string({ unit: "binary-ascii", maxLength: 40 }),
      fc.constantFrom("Host: a", "Content-Length: 5", "Expect: x", "a: b"),
      fc.constantFrom("Transfer-Encoding: chunked", "Connection: close"),
    );
    const start = fc.oneof(
      fc.string({ unit: "binary", maxLength: 40 }),
      fc.constantFrom("GET / HTTP/1.1", "POST /generate HTTP/1.1"),
      fc.constantFrom("GET /%zz HTTP/1.0", "PUT /livez HTTP/1.1"),
    );
    await fc.assert(
      fc.asyncProperty(
        start,
        fc.array(line, { maxLength: 4 }),
        async (first, rest) => {
          const answer = await sendRaw(
            app,
            [first, ...rest, "", ""].join("\r\n"),
            true,
          );
          if (answer === "") return;
          const [, status = ""] = /^HTTP\/1.1 (\d{3}) /.exec(answer) ?? [];
          assert.ok(Number(status) < 500 || status === "501", answer);
          if (Number(status) >= 400) assertProblem(answer, Number(status));
        },
      ),
      { numRuns: 200 },
    );
  });

  for (const [what, bytes, status] of [
    ["no HTTP", "GARBAGE\r\n\r\n", 400],
    ["a method that is none", "HELLO / HTTP/1.1\r\nHost: a\r\n\r\n", 400],
    [
      "a header that is none",
      "GET / HTTP/1.1\r\nHost: a\r\nbro ken\r\n\r\n",
      400,
    ],
    ["no Host", "GET /health HTTP/1.1\r\nConnection: close\r\n\r\n", 400],
    [
      "a chunk that is none",
      "POST /generate HTTP/1.1\r\nHost: a\r\nX-API-Key: key-of-a\r\nContent-Type: application/json\r\nTransfer-Encoding: chunked\r\n\r\nzz\r\n",
      400,
    ],
    [
      "too large headers",
      `GET / HTTP/1.1\r\nHost: a\r\nA: ${"x".repeat(20_000)}\r\n\r\n`,
      431,
    ],
    [
      "an Expect that is not known",
      "GET / HTTP/1.1\r\nHost: a\r\nExpect: tea\r\n\r\n",
      417,
    ],
    ["a wish for a proxy", "CONNECT a:1 HTTP/1.1\r\nHost: a\r\n\r\n", 501],
    [
      "a path that can't be decoded",
      "GET /%ff HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n",
      400,
    ],
  ] as const)
    test(`${what} is a ${status} as problem details too`, async () => {
      assertProblem(await sendRaw(app, bytes), status);
    });

  test("requests before a broken one get their answers, and so does the broken one", async () => {
    const auth = `Host: a\r\nX-API-Key: ${key}\r\n`;
    const whole =
      `POST /generate HTTP/1.1\r\n${auth}Content-Type: application/json\r\n` +
      `Content-Length: ${hi.length}\r\n\r\n${hi}GET /livez HTTP/1.1\r\nHost: a\r\n\r\n`;
    for (const [broken, status] of [
      ["GARBAGE\r\n\r\n", 400],
      [
        `POST /generate HTTP/1.1\r\n${auth}Content-Type: application/json\r\nTransfer-Encoding: chunked\r\n\r\nzz\r\n`,
        400,
      ],
      ["GET / HTTP/1.1\r\nHost: a\r\nExpect: tea\r\n\r\n", 417],
      ["CONNECT a:1 HTTP/1.1\r\nHost: a\r\n\r\n", 501],
    ] as const) {
      const raw = await sendRaw(app, whole + broken);
      const [, first = "", second = "", third = ""] = raw.split("HTTP/1.1 ");
      assert.match(first, /^202 /);
      assert.match(second, /^200 /);
      assertProblem(`HTTP/1.1 ${third}`, status);
    }
  });

  test("a refusal does not get into the middle of an answer", async () => {
    const socket = connect(app.port, "127.0.0.1");
    const path = `/stream/${app.endless.task_id}`;
    socket.write(
      `GET ${path} HTTP/1.1\r\nHost: a\r\nX-API-Key: ${key}\r\n\r\n`,
    );
    const [first] = (await once(socket, "data")) as [Buffer];
    assert.match(first.toString(), /^HTTP\/1.1 200 /);
    socket.write("GARBAGE\r\n\r\n");
    assert.doesNotMatch(await text(socket), /HTTP/);
  });
});

test("a request that stalls is a 408 as problem details", async () => {
  await using app = await startApp({ requestTimeoutMs: 200 });
  const head = `POST /generate HTTP/1.1\r\nHost: a\r\nX-API-Key: ${key}\r\nContent-Type: application/json\r\n`;
  assertProblem(
    await sendRaw(app, `${head}Content-Length: 9\r\n\r\n{"pro`),
    408,
  );
  assertProblem(await sendRaw(app, head), 408);
});

test("a request to a gateway that stops is a 503 as problem details", async () => {
  const app = await startApp();
  const socket = connect(app.port, "127.0.0.1");
  const arrived = once(app.app.server, "request");
  socket.write(
    `POST /generate HTTP/1.1\r\nHost: a\r\nX-API-Key: ${key}\r\n` +
      `Content-Type: application/json\r\nContent-Length: ${hi.length}\r\n\r\n`,
  );
  await arrived;
  const stopped = app.stop();
  await eventually(() => !app.app.server.listening);
  socket.write(`${hi}GET /livez HTTP/1.1\r\nHost: a\r\n\r\n`);
  const [, first = "", second = ""] = (await text(socket)).split("HTTP/1.1 ");
  assert.match(first, /^202 /);
  assertProblem(`HTTP/1.1 ${second}`, 503);
  await stopped;
});
