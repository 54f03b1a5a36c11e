/** Methods and paths that are not there, or nearly. */
import assert from "node:assert/strict";
import { afterAll, beforeAll, describe, test } from "vitest";
import {
  hi,
  json,
  problemOf,
  send,
  startApp,
  type Started,
} from "../../test/appTestKit.ts";

describe("a route", () => {
  let app: Started;
  beforeAll(async () => {
    app = await startApp();
  });
  afterAll(() => app.stop());

  for (const [method, path, allow] of [
    ["GET", "/generate", "POST"],
    ["PUT", "/generate", "POST"],
    ["PROPFIND", "/generate/", "POST"],
    ["DELETE", "/result/x", "GET, HEAD"],
    ["OPTIONS", "//result//x?wait=1", "GET, HEAD"],
    ["PATCH", "/stream/x", "GET, HEAD"],
    ["GET", "/cancel/x", "POST"],
    ["POST", "/health", "GET, HEAD"],
    ["POST", "/docs", "GET, HEAD"],
  ] as const)
    test(`${method} ${path} is a 405 that says what is allowed`, async () => {
      const headers = { "content-type": "text/xml" };
      const answer = await send(app, method, path, { headers });
      assert.equal(answer.status, 405);
      assert.equal(answer.headers.allow, allow);
      problemOf(answer);
    });

  test("a path that is not there is a 404, by any method and with any body", async () => {
    for (const method of ["GET", "POST", "DELETE", "OPTIONS"])
      for (const path of [
        "/",
        "/nope",
        "/generate/x",
        "/result",
        "/results/x",
      ]) {
        const headers = { "content-type": "text/xml" };
        const answer = await send(app, method, path, { headers, body: "<a/>" });
        assert.equal(answer.status, 404, `${method} ${path}`);
        problemOf(answer);
      }
  });

  test("a slash at the end, or two where one belongs, change nothing", async () => {
    const { task_id } = app.ended;
    for (const path of [
      `/result/${task_id}/`,
      `//result/${task_id}`,
      `/status//${task_id}/?a=b`,
    ])
      assert.equal((await send(app, "GET", path)).status, 200, path);
    const { status } = await send(app, "POST", "/generate/", {
      headers: json,
      body: hi,
    });
    assert.equal(status, 202);
  });
});
