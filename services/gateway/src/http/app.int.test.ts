/** Calls as clients write them: ids, queries, keys. */
import assert from "node:assert/strict";
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

  test("Cancel-After is seconds, to the millisecond; what is none is a 400 that names it", async () => {
    const post = (cancelAfter: string) =>
      send(app, "POST", "/generate", {
        ...{ body: hi, headers: { ...json, "cancel-after": cancelAfter } },
      });
    for (const [header, ms] of [
      ["90", 90_000],
      ["0.001", 1],
      ["1.5", 1_500],
      ["8640000", 8.64e9],
    ] as const) {
      assert.equal((await post(header)).status, 202);
      assert.deepEqual(app.acceptedWith.at(-1)?.cancelAfterMs, ms);
    }
    const { length } = app.accepted;
    for (const wrong of [
      ...["", "0", "0.000", "-1", "1m", "1e3", "1,5", "1.0001"],
      ...["8640001", "99999999", "NaN", "Infinity", " "],
    ]) {
      const problem = problemOf(await post(wrong));
      assert.equal(problem["status"], 400, wrong);
      const [error] = problem["errors"] as { field: string }[];
      assert.equal(error?.field, "Cancel-After");
    }
    assert.equal(app.accepted.length, length);
    await send(app, "POST", "/generate", { body: hi, headers: json });
    assert.equal(app.acceptedWith.at(-1)?.cancelAfterMs, undefined);
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
