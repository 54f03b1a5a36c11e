/** Calls as clients write them: ids, queries, keys. */
import assert from "node:assert/strict";
import { afterAll, beforeAll, describe, test } from "vitest";
import { key, send, startApp, type Started } from "../../test/appTestKit.ts";

describe("a call", () => {
  let app: Started;
  beforeAll(async () => {
    app = await startApp();
  });
  afterAll(() => app.stop());

  test("a task id is the same in any case", async () => {
    const { task_id } = app.ended;
    const mixed = task_id.replace(/[a-f]/g, (c, i: number) =>
      i % 2 ? c : c.toUpperCase(),
    );
    for (const id of [task_id.toUpperCase(), mixed])
      for (const route of ["result", "status", "stream"])
        assert.equal((await send(app, "GET", `/${route}/${id}`)).status, 200);
    const { status } = await send(
      app,
      "POST",
      `/cancel/${task_id.toUpperCase()}`,
    );
    assert.equal(status, 200);
  });

  test("what a query holds besides is ignored", async () => {
    const { task_id } = app.ended;
    for (const query of ["_=173", "wait=1&_=173", "utm_source=x&wait=0"])
      assert.equal(
        (await send(app, "GET", `/result/${task_id}?${query}`)).status,
        200,
      );
  });

  test("an empty key header does not hide a good bearer token", async () => {
    const path = `/result/${app.ended.task_id}`;
    const authorization = `Bearer ${key}`;
    for (const empty of ["", " "]) {
      const headers = { "x-api-key": empty, authorization };
      assert.equal((await send(app, "GET", path, { headers })).status, 200);
    }
    const wrong = { "x-api-key": "wrong", authorization };
    assert.equal(
      (await send(app, "GET", path, { headers: wrong })).status,
      401,
    );
  });
});
