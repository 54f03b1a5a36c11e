/** Read tokens, as a browser sends them. */
import type { Scope } from "@jetscribe/schema";
import assert from "node:assert/strict";
import { hash } from "node:crypto";
import { afterAll, beforeAll, describe, test } from "vitest";
import {
  json,
  problemOf,
  send,
  startApp,
  type Started,
} from "../../../test/appTestKit.ts";
import type { ApiKey } from "../../keys/apiKeys.ts";

const keyOf = (id: string, owner: string, ...scopes: Scope[]): ApiKey => ({
  ...{ id, name: owner, owner, digest: hash("sha256", `key ${id}`) },
  scopes: new Set(scopes),
});
const none = { "x-api-key": "" };

describe("a read token", () => {
  let app: Started;
  beforeAll(async () => {
    app = await startApp({}, [
      keyOf("all", "a", "generate", "read", "read:text", "cancel", "admin"),
      keyOf("states", "a", "read"),
      keyOf("other", "b", "read", "read:text"),
    ]);
  });
  afterAll(() => app.stop());

  const ask = (id: string, taskId: string, body = "") =>
    send(app, "POST", `/tasks/${taskId}/token`, {
      headers: { "x-api-key": `key ${id}`, ...(body && json) },
      body,
    });
  async function tokenOf(id: string, taskId: string, body?: string) {
    const { status, headers, body: text } = await ask(id, taskId, body);
    assert.equal(status, 201, text);
    assert.equal(headers["cache-control"], "no-store");
    return JSON.parse(text) as { token: string; expires_at: number };
  }

  test("lets read its task by GET, as a header and in the query, and its address goes nowhere", async () => {
    const { task_id } = app.withText;
    const { token } = await tokenOf("all", task_id);
    for (const route of ["result", "status", "stream"])
      for (const id of [task_id, task_id.toUpperCase()])
        for (const method of ["GET", "HEAD"]) {
          const asHeader = { ...none, authorization: `Bearer ${token}` };
          const inQuery = `/${route}/${id}?token=${token}`;
          for (const answer of [
            await send(app, method, `/${route}/${id}`, { headers: asHeader }),
            await send(app, method, inQuery, { headers: none }),
          ]) {
            assert.equal(answer.status, 200, `${method} ${route}`);
            assert.equal(answer.headers["referrer-policy"], "no-referrer");
            assert.match(
              answer.headers["cache-control"] ?? "",
              /no-(store|cache)/,
            );
          }
        }
    const { body } = await send(
      app,
      "GET",
      `/result/${task_id}?token=${token}`,
      { headers: none },
    );
    assert.match(body, /the text/);
  });

  test("is no key elsewhere: not of another task, not for another call", async () => {
    const { task_id } = app.withText;
    const { token } = await tokenOf("all", task_id);
    const authorization = `Bearer ${token}`;
    const unknown = "01a223a2-500a-7000-b91f-8c3d85cca0f1";
    for (const [method, path] of [
      ["GET", `/result/${app.ended.task_id}`],
      ["GET", `/result/${unknown}`],
      ["POST", `/cancel/${task_id}`],
      ["POST", `/tasks/${task_id}/token`],
      ["POST", `/tasks/${task_id}/retry`],
      ["GET", "/admin/keys"],
    ] as const)
      for (const answer of [
        await send(app, method, path, { headers: { ...none, authorization } }),
        await send(app, method, `${path}?token=${token}`, { headers: none }),
      ])
        assert.equal(
          problemOf(answer)["type"],
          "urn:jetscribe:problem:unauthorized",
          path,
        );
    assert.deepEqual(app.cancels, []);
  });

  test("reads what its key may read", async () => {
    const { task_id } = app.withText;
    const { token } = await tokenOf("states", task_id);
    const get = (route: string) =>
      send(app, "GET", `/${route}/${task_id}?token=${token}`, {
        headers: none,
      });
    const { result, status } = JSON.parse((await get("result")).body) as Record<
      string,
      unknown
    >;
    assert.deepEqual([result, status], [undefined, "completed"]);
    assert.equal((await get("stream")).status, 403);
  });

  test("is for an hour at most, and of one's own tasks", async () => {
    const { task_id } = app.withText;
    const usual = await tokenOf("all", task_id);
    const short = await tokenOf("all", task_id, '{"expires_in": 60}');
    assert.equal(usual.expires_at - short.expires_at, 840);
    for (const wrong of [0, 3_601, 1.5, "60"]) {
      const body = JSON.stringify({ expires_in: wrong });
      const problem = problemOf(await ask("all", task_id, body));
      assert.equal(problem["detail"], "see: expires_in");
    }
    const unknown = "01a223a2-500a-7000-b91f-8c3d85cca0f1";
    const [others, nobodys] = [
      problemOf(await ask("other", task_id)),
      problemOf(await ask("other", unknown)),
    ];
    assert.equal(others["status"], 404);
    assert.deepEqual(others, nobodys);
  });

  test("does not stand in for a wrong key", async () => {
    const { task_id } = app.withText;
    const { token } = await tokenOf("all", task_id);
    const headers = { "x-api-key": "wrong" };
    const path = `/result/${task_id}?token=${token}`;
    assert.equal((await send(app, "GET", path, { headers })).status, 401);
  });
});
