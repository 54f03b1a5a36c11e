/** What a key may do: each route asks for a scope. */
import { Scope } from "@jetscribe/schema";
import fastify from "fastify";
import assert from "node:assert/strict";
import { hash } from "node:crypto";
import { afterAll, beforeAll, describe, test } from "vitest";
import {
  callKeys,
  hi,
  json,
  problemOf,
  send,
  startApp,
  type Started,
  unlimited,
} from "../../test/appTestKit.ts";
import type { ApiKey } from "../keys/apiKeys.ts";
import { requireKey } from "./auth.ts";

const keyWith = (owner: string, ...scopes: Scope[]): ApiKey => ({
  ...{ id: scopes.join("+"), name: owner, owner },
  digest: hash("sha256", `${owner} ${scopes.join(" ")}`),
  scopes: new Set(scopes),
});
const as = (owner: string, ...scopes: Scope[]) => ({
  "x-api-key": `${owner} ${scopes.join(" ")}`,
});

/** Of the calls that need one. */
const bodies: Readonly<Record<string, string>> = {
  "/generate": hi,
  "/generate/batch": `{"requests":[${hi}]}`,
  "/tasks/cancel": "{}",
  "/tasks/retry": "{}",
};

describe("a key", () => {
  let app: Started;
  beforeAll(async () => {
    app = await startApp({}, [
      ...Scope.options.map((scope) => keyWith("a", scope)),
      keyWith("a", "generate", "read"),
      keyWith("a", "cancel", "read"),
      keyWith("a", "generate", "read", "read:text"),
      keyWith("b", "read"),
      keyWith("b", "cancel"),
    ]);
  });
  afterAll(() => app.stop());

  for (const [scope, method, path] of [
    ["generate", "POST", "/generate"],
    ["generate", "POST", "/generate/batch"],
    ["generate", "POST", "/tasks/ID/retry"],
    ["read", "GET", "/result/ID"],
    ["read", "HEAD", "/result/ID"],
    ["read", "GET", "/tasks"],
    ["read", "HEAD", "/feed?view=tasks"],
    ["read", "GET", "/statistics"],
    ["read", "GET", "/status/ID"],
    ["read", "GET", "/tasks/ID/events"],
    ["read:text", "GET", "/stream/ID"],
    ["cancel", "POST", "/cancel/ID"],
    ["cancel", "POST", "/tasks/cancel"],
    ["generate", "POST", "/tasks/retry"],
    ["generate", "GET", "/webhooks/deliveries"],
    ["generate", "GET", "/webhooks/secret"],
    ["generate", "POST", "/webhooks/deliveries/ID/resend"],
  ] as const)
    test(`needs the scope ${scope} for ${method} ${path}, and no other`, async () => {
      const body = bodies[path] ?? "";
      for (const held of Scope.options) {
        const headers = { ...as("a", held), ...(body !== "" && json) };
        const to = path.replace("ID", app.ended.task_id);
        const answer = await send(app, method, to, { headers, body });
        const isAllowed = held === scope;
        assert.equal(
          answer.status < 300,
          isAllowed,
          `${held}: ${answer.status}`,
        );
        if (isAllowed || method === "HEAD") continue;
        const problem = problemOf(answer);
        assert.equal(problem["type"], "urn:jetscribe:problem:forbidden");
        assert.equal(problem["detail"], `the key has no scope ${scope}`);
      }
    });

  test("needs read too for a dry run, which tells how many tasks there are", async () => {
    const dry = async (route: string, ...scopes: Scope[]) => {
      const headers = { ...as("a", ...scopes), ...json };
      const body = '{"dry_run":true}';
      return await send(app, "POST", `/tasks/${route}`, { headers, body });
    };
    for (const [route, scope] of [
      ["cancel", "cancel"],
      ["retry", "generate"],
    ] as const) {
      const refused = problemOf(await dry(route, scope));
      assert.equal(refused["detail"], "the key has no scope read");
      assert.equal((await dry(route, scope, "read")).status, 200);
    }
  });

  test("without the scope leaves nothing behind", async () => {
    const { accepted, cancels } = app;
    const before = [accepted.length, cancels.length];
    const headers = { ...as("a", "admin"), ...json };
    await send(app, "POST", "/generate", { headers, body: hi });
    await send(app, "POST", `/cancel/${app.ended.task_id}`, { headers });
    assert.deepEqual([accepted.length, cancels.length], before);
  });

  test("without read:text reads results without their texts", async () => {
    const { task_id } = app.withText;
    const read = async (...scopes: Scope[]) => {
      const headers = as("a", ...scopes);
      const answer = await send(app, "GET", `/result/${task_id}`, { headers });
      return JSON.parse(answer.body) as Record<string, unknown>;
    };
    const whole = await read("generate", "read", "read:text");
    const { result, reasoning, ...rest } = whole;
    assert.deepEqual([result, reasoning], ["the text", "thoughts"]);
    assert.deepEqual(await read("generate", "read"), rest);
  });

  test("that may not read gets a 202 also where it wishes to wait", async () => {
    const wait = async (...scopes: Scope[]) => {
      const headers = { ...as("a", ...scopes), ...json, prefer: "wait=1" };
      const answer = await send(app, "POST", "/generate", {
        headers,
        body: hi,
      });
      return answer.headers["preference-applied"];
    };
    assert.equal(await wait("generate"), undefined);
    assert.equal(await wait("generate", "read"), "wait=1");
  });

  test("needs read:text too for an answer of OpenAI's API, and leaves no task behind without it", async () => {
    const body = JSON.stringify({ prompt: "hi" });
    const before = app.accepted.length;
    const refused = await send(app, "POST", "/v1/completions", {
      headers: { ...as("a", "generate"), ...json },
      body,
    });
    assert.equal(refused.status, 403);
    assert.match(refused.body, /^\{"error":.*no scope read:text/);
    assert.equal(app.accepted.length, before);
  });

  test("gets one answer for a task of another key and for one that never was", async () => {
    const unknown = "01a223a2-500a-7000-b91f-8c3d85cca0f1";
    const answers = [];
    for (const id of [app.ended.task_id, unknown])
      for (const [scope, method, route] of [
        ["read", "GET", "result"],
        ["read", "GET", "status"],
        ["cancel", "POST", "cancel"],
      ] as const) {
        const headers = as("b", scope);
        answers.push(
          problemOf(await send(app, method, `/${route}/${id}`, { headers })),
        );
      }
    const [first] = answers;
    assert.equal(first?.["status"], 404);
    for (const answer of answers) assert.deepEqual(answer, first);
  });
});

test("a route behind a key that names no scope is not added", () => {
  const app = fastify();
  using keys = callKeys([]);
  requireKey(app, keys, unlimited.throttle);
  assert.throws(() => app.get("/open", () => "all"), /\/open names no scope/);
});
