/** Answers to bodies that are not read to their end, as clients read them. */
import assert from "node:assert/strict";
import { connect } from "node:net";
import { afterAll, beforeAll, describe, test } from "vitest";
import { json, key, startApp, type Started } from "../../test/appTestKit.ts";

describe("a body that is not read", () => {
  let app: Started;
  beforeAll(async () => {
    app = await startApp();
  });
  afterAll(() => app.stop());

  for (const [refused, status, path, headers] of [
    ["too large", 413, "/generate", json],
    ["of no valid key", 401, "/generate", { ...json, "x-api-key": "wrong" }],
    [
      "of no type that is read",
      415,
      "/generate",
      { "content-type": "text/xml" },
    ],
    ["for no route", 404, "/nope", json],
    ["by a method that is not taken", 405, "/result/x", json],
  ] as [string, number, string, object][])
    test(`the answer to a body ${refused} is read also by a client that writes it first`, async () => {
      const size = 9 * 1024 * 1024;
      for (const connection of ["close", "keep-alive"])
        for (const chunked of [false, true])
          assert.equal(
            await writeThenRead(
              app,
              path,
              { ...headers, connection },
              { size, chunked },
            ),
            status,
          );
    });

  test("fetch reads that its body is too large, every time", async () => {
    for (let i = 0; i < 10; i++) {
      const { status } = await fetch(`${app.url}/generate`, {
        ...{ method: "POST", headers: { ...json, "x-api-key": key } },
        body: "x".repeat(9 * 1024 * 1024),
      });
      assert.equal(status, 413);
    }
  });

  test("behind a small one that is refused the connection goes on, though the body comes after the answer", async () => {
    const socket = connect(app.port, "127.0.0.1");
    socket.setEncoding("latin1");
    const answers = socket.iterator({ destroyOnReturn: false });
    const nextStatus = async () => {
      const { value } = (await answers.next()) as { value?: string };
      return Number(value?.slice("HTTP/1.1 ".length, 12));
    };
    const body = "x".repeat(50_000);
    const head = "host: a\r\nx-api-key: wrong\r\n";
    for (let i = 0; i < 3; i++) {
      socket.write(
        `POST /generate HTTP/1.1\r\n${head}content-length: ${body.length}\r\n\r\n`,
      );
      assert.equal(await nextStatus(), 401);
      socket.write(`${body}GET /livez HTTP/1.1\r\nhost: a\r\n\r\n`);
      assert.equal(await nextStatus(), 200);
    }
    socket.destroy();
  });

  test("a body without an end is cut off", async () => {
    const size = 256 * 1024 * 1024;
    const headers = { ...json, connection: "keep-alive" };
    await assert.rejects(
      writeThenRead(app, "/generate", headers, { size, chunked: true }),
      /ECONNRESET|EPIPE/,
    );
  });
});

/** As httpx or a proxy does it: the status is read when the whole body is written. */
async function writeThenRead(
  { port }: Started,
  path: string,
  headers: object,
  { size, chunked }: { size: number; chunked: boolean },
): Promise<number> {
  const socket = connect(port, "127.0.0.1");
  const failed = new Promise<never>((_, reject) =>
    socket.once("error", reject),
  );
  const write = (bytes: string | Buffer) =>
    Promise.race([
      failed,
      new Promise((resolve) => socket.write(bytes, resolve)),
    ]);
  const length = chunked
    ? "transfer-encoding: chunked"
    : `content-length: ${size}`;
  const all = { host: "a", "x-api-key": key, ...headers };
  const lines = Object.entries(all).map(([name, value]) => `${name}: ${value}`);
  await write(
    `POST ${path} HTTP/1.1\r\n${[...lines, length].join("\r\n")}\r\n\r\n`,
  );
  const piece = Buffer.alloc(64 * 1024, "x");
  for (let sent = 0; sent < size; sent += piece.length) {
    if (chunked) await write(`${piece.length.toString(16)}\r\n`);
    await write(piece);
    if (chunked) await write("\r\n");
  }
  if (chunked) await write("0\r\n\r\n");
  const [first] = await Promise.race([
    failed,
    new Promise<[Buffer]>((resolve) =>
      socket.once("data", (data) => resolve([data])),
    ),
  ]);
  socket.destroy();
  return Number(first.toString().slice(9, 12));
}
