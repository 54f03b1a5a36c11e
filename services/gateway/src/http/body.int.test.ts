/** Bodies of all types, codings and charsets, as clients send them. */
import fc from "fast-check";
import assert from "node:assert/strict";
import { once } from "node:events";
import { connect } from "node:net";
import { gzipSync } from "node:zlib";
import { afterAll, beforeAll, describe, test } from "vitest";
import {
  hi,
  json,
  key,
  problemOf,
  send,
  startApp,
  type Started,
} from "../../test/appTestKit.ts";
import { makeBodyRoom } from "../admission/bodyRoom.ts";

describe("the body of a request", () => {
  let app: Started;
  beforeAll(async () => {
    app = await startApp();
  });
  afterAll(() => app.stop());
  const post = (body: string | Buffer, headers: object = json) =>
    send(app, "POST", "/generate", { body, headers });

  for (const [sender, headers, body] of [
    ["a JSON client without a body", json, ""],
    ["curl -d ''", { "content-type": "application/x-www-form-urlencoded" }, ""],
    ["axios", { "content-type": "application/x-www-form-urlencoded" }, ""],
    ["aiohttp", { "content-type": "application/octet-stream" }, ""],
    ["a client without a type", {}, ""],
    ["a client with a broken type", { "content-type": "json" }, "{"],
    ["a client with a body", json, '{"reason":"changed my mind"}'],
    [
      "a client with a large body",
      { "content-type": "text/xml" },
      "x".repeat(3e6),
    ],
    ["a client that compresses", { ...json, "content-encoding": "gzip" }, "x"],
    ["a chunked body", { ...json, "transfer-encoding": "chunked" }, "{}"],
  ] as [string, object, string][])
    test(`a cancel needs no body: ${sender}`, async () => {
      const { task_id } = app.running;
      const answer = await send(app, "POST", `/cancel/${task_id}`, {
        headers,
        body,
      });
      assert.equal(answer.status, 200, answer.body);
      assert.equal(app.cancels.at(-1), task_id);
    });

  test("what is not read is a 415 that names the header", async () => {
    const zipped = gzipSync(hi);
    const cases: [object, RegExp, string][] = [
      [
        { ...json, "content-encoding": "gzip" },
        /Content-Encoding/,
        "accept-encoding",
      ],
      [
        { ...json, "content-encoding": "br, gzip" },
        /Content-Encoding/,
        "accept-encoding",
      ],
      [{ "content-type": "text/plain" }, /Content-Type/, "accept"],
      [
        { "content-type": "text/plain;charset=UTF-8" },
        /Content-Type/,
        "accept",
      ],
      [
        { "content-type": "application/x-www-form-urlencoded" },
        /Content-Type/,
        "accept",
      ],
      [{ "content-type": "json" }, /Content-Type/, "accept"],
      [{}, /Content-Type/, "accept"],
      [
        { "content-type": "application/json; charset=latin1" },
        /charset/,
        "accept",
      ],
      [
        { "content-type": 'application/json;charset="UTF-16"' },
        /charset/,
        "accept",
      ],
    ];
    for (const [headers, names, hint] of cases) {
      const answer = await post(zipped, headers);
      assert.equal(answer.status, 415, JSON.stringify(headers));
      const { type, detail } = problemOf(answer);
      assert.equal(type, "urn:jetscribe:problem:unsupported_media_type");
      assert.match(String(detail), names);
      assert.ok(answer.headers[hint]);
    }
  });

  test("JSON in UTF-8 is read, however its type is written", async () => {
    for (const type of [
      "application/json",
      "application/json; charset=utf-8",
      'Application/JSON;charset="UTF-8"',
      "application/json ; charset=utf8",
    ])
      for (const coding of [{}, { "content-encoding": "identity" }]) {
        const headers = { "content-type": type, ...coding };
        assert.equal((await post(hi, headers)).status, 202, type);
      }
    const withBom = Buffer.concat([
      Buffer.from([0xef, 0xbb, 0xbf]),
      Buffer.from(hi),
    ]);
    assert.equal((await post(withBom)).status, 202);
  });

  test("what is no UTF-8 is a 400, and no prompt with other characters", async () => {
    const before = app.accepted.length;
    const latin1 = Buffer.from('{"prompt":"Zoë"}', "latin1");
    const utf16 = Buffer.from(hi, "utf16le");
    const cut = Buffer.from('{"prompt":"✅"}').subarray(0, 12);
    for (const body of [latin1, utf16, cut]) {
      const answer = await post(body);
      assert.equal(answer.status, 400);
      problemOf(answer);
    }
    const bytes = fc
      .uint8Array({ minLength: 1, maxLength: 8 })
      .filter((some) => !Buffer.from(some).includes("\ufffd"));
    await fc.assert(
      fc.asyncProperty(bytes, async (some) => {
        const body = Buffer.concat([
          Buffer.from('{"prompt":"x'),
          some,
          Buffer.from('"}'),
        ]);
        const isRight = body.toString("utf8").includes("\ufffd") === false;
        const { status } = await post(body);
        if (!isRight) assert.equal(status, 400);
      }),
      { numRuns: 200 },
    );
    for (const body of app.accepted.slice(before))
      assert.ok(!JSON.stringify(body).includes("\ufffd"));
  });

  test("a key __proto__ is refused by its name, however it is written; others are names as all", async () => {
    for (const name of [
      "__proto__",
      "\\u005f_proto__",
      "__\\u0070roto\\u005F_",
    ]) {
      for (const body of [
        `{"prompt":"a","${name}":1}`,
        `{"messages":[{"${name}" : {}}]}`,
      ]) {
        const answer = await post(body);
        assert.equal(answer.status, 400);
        const [error] = problemOf(answer)["errors"] as { field: string }[];
        assert.equal(error?.field, "__proto__", body);
      }
    }
    for (const prompt of [
      "__proto__",
      '{"__proto__": 1}',
      '\\"__proto__":',
      "constructor",
    ])
      assert.equal(
        (await post(JSON.stringify({ prompt }))).status,
        202,
        prompt,
      );
    const answer = await post('{"prompt":"a","constructor":{"prototype":{}}}');
    const errors = [{ field: "constructor", message: "unknown field" }];
    assert.deepEqual(problemOf(answer)["errors"], errors);
  });

  test("whatever type a body claims to be, a cancel is taken, and a request if that is JSON", async () => {
    const type = fc.oneof(
      fc.stringMatching(/^[!-~]{0,20}$/),
      fc.stringMatching(/^[a-z]{1,5}\/[a-z+.-]{1,9}(;[a-z]{1,7}=[!-~]{0,6})?$/),
      fc.stringMatching(/^application\/json *;[ !-~]{0,12}$/),
    );
    const path = `/cancel/${app.running.task_id}`;
    await fc.assert(
      fc.asyncProperty(type, async (name) => {
        const headers = { "content-type": name };
        const options = { headers, body: hi };
        assert.equal((await send(app, "POST", path, options)).status, 200);
        const answer = await post(hi, headers);
        const isJson = /^application\/json *(;|$)/i.test(name);
        assert.ok(answer.status === 415 || (isJson && answer.status === 202));
        if (answer.status === 415) problemOf(answer);
      }),
      { numRuns: 200 },
    );
  });
});

test("a cancel is taken also where there is no room for a body", async () => {
  await using app = await startApp({ bodies: makeBodyRoom(10) });
  const arrived = once(app.app.server, "request");
  const socket = connect(app.port, "127.0.0.1");
  socket.write(
    `POST /generate HTTP/1.1\r\nHost: a\r\nX-API-Key: ${key}\r\n` +
      "Content-Type: application/json\r\nContent-Length: 900\r\n\r\n{",
  );
  await arrived;
  const options = { headers: json, body: hi };
  const full = await send(app, "POST", "/generate", options);
  assert.equal(full.status, 503);
  const path = `/cancel/${app.running.task_id}`;
  assert.equal((await send(app, "POST", path, options)).status, 200);
  socket.destroy();
});
