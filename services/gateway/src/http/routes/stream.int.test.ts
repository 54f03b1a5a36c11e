/** The stream as HTTP: its headers, its lines, its end. */
import assert from "node:assert/strict";
import { afterAll, beforeAll, describe, test } from "vitest";
import { send, startApp, type Started } from "../../../test/appTestKit.ts";

describe("a stream over HTTP", () => {
  let app: Started;
  beforeAll(async () => {
    app = await startApp();
  });
  afterAll(() => app.stop());

  test("a stream names its charset, and has no line end that JSON could hold", async () => {
    const { headers, body } = await send(
      app,
      "GET",
      `/stream/${app.running.task_id}`,
    );
    assert.equal(headers["content-type"], "text/event-stream; charset=utf-8");
    // As Python's str.splitlines cuts.
    const lines = body.split(/\r\n|[\n\r\v\f\x1c-\x1e\x85\u2028\u2029]/);
    const data = lines.find((line) => line.startsWith("data: ")) ?? "";
    const { text: got } = JSON.parse(data.slice(6)) as { text: string };
    assert.equal(got, "a\u0085b\u2028c\u2029d✅");
  });

  test("HEAD of a stream is its headers, at once", async () => {
    for (const { task_id } of [app.running, app.ended]) {
      const answer = await send(app, "HEAD", `/stream/${task_id}`);
      assert.equal(answer.status, 200);
      assert.equal(
        answer.headers["content-type"],
        "text/event-stream; charset=utf-8",
      );
      assert.equal(answer.headers["cache-control"], "no-cache");
    }
  });

  test("a reader that has the outcome is told not to come back", async () => {
    const headers = { "last-event-id": "end" };
    const done = await send(app, "GET", `/stream/${app.ended.task_id}`, {
      headers,
    });
    assert.deepEqual([done.status, done.body], [204, ""]);
    const open = await send(app, "GET", `/stream/${app.running.task_id}`, {
      headers,
    });
    assert.equal(open.status, 200);
  });
});
