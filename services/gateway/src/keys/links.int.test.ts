/** Read-only links on two gateways that share a broker. */
import type {
  CreatedKeyResponse,
  HistoryResponse,
  LinkResponse,
  LinkSelfResponse,
  TaskListResponse,
} from "@jetscribe/schema";
import { eventually, startStack, type Stack } from "@jetscribe/testing";
import assert from "node:assert/strict";
import { readdir, readFile } from "node:fs/promises";
import { join } from "node:path";
import { afterAll, beforeAll, describe, test } from "vitest";
import { openPage } from "../../test/feedTestKit.ts";

interface Operation {
  operationId: string;
  security?: object[];
}

describe("a read-only link", () => {
  let stack: Stack;
  beforeAll(async () => {
    stack = await startStack({
      services: ["gateway", "gateway-2", "inference", "results", "logger"],
      env: { ENGINE: "fake", FAKE_MS: "1" },
    });
  });
  afterAll(() => stack.stop());

  async function call<T = Record<string, unknown>>(
    method: string,
    path: string,
    {
      key = stack.key,
      at = stack.url,
      body,
    }: { key?: string; at?: string; body?: object } = {},
  ) {
    const response = await fetch(at + path, {
      method,
      headers: {
        authorization: `Bearer ${key}`,
        ...(body && { "content-type": "application/json" }),
      },
      ...(body && { body: JSON.stringify(body) }),
    });
    const { status, headers } = response;
    return { status, headers, body: (await response.json()) as T };
  }
  async function makeKey(name: string, ...scopes: string[]) {
    const body = { name, ...(scopes.length > 0 && { scopes }) };
    const made = await call<CreatedKeyResponse>("POST", "/admin/keys", {
      body,
    });
    assert.equal(made.status, 201, JSON.stringify(made.body));
    return made.body;
  }
  async function share(key: string, body?: object) {
    const options = { key, ...(body && { body }) };
    const made = await call<LinkResponse>("POST", "/dashboard/links", options);
    assert.equal(made.status, 201, JSON.stringify(made.body));
    assert.equal(made.headers.get("cache-control"), "no-store");
    return made.body;
  }
  const openNow = (key: string, url: string) =>
    openPage({ url, key }, "view=now");
  /** A task that has ended. */
  async function makeTask(key: string): Promise<string> {
    const body = { prompt: "the prompt", max_tokens: 2 };
    const posted = await call("POST", "/generate", { key, body });
    const id = String(posted.body["task_id"]);
    const ended = await call("GET", `/result/${id}?wait=60`, { key });
    assert.equal(ended.body["status"], "completed");
    return id;
  }

  test("is made with whom it shows, what, and until when", async () => {
    const { key } = await makeKey("Maker");
    const made = await share(key);
    assert.equal(made.url, `/dashboard/#link=${made.token}`);
    const days = (made.expires_at - Date.now() / 1_000) / 86_400;
    assert.ok(days > 0.9 && days < 1.1);
    const self = await call<LinkSelfResponse>("GET", "/dashboard/links/self", {
      key: made.token,
    });
    assert.deepEqual(self.body, {
      ...{ owner: "Maker", text: false, all_owners: false },
      expires_at: made.expires_at,
    });
    const ofKey = await call("GET", "/dashboard/links/self", { key });
    assert.equal(ofKey.status, 404);
    const long = await share(key, { expires_in: 604_800 });
    const short = await share(key, { expires_in: 1 });
    assert.ok(long.expires_at - short.expires_at >= 604_700);
  });

  test("is refused for longer than a week, and for what its key may not", async () => {
    const { key } = await makeKey("refused", "read");
    for (const [body, field] of [
      [{ expires_in: 0 }, "expires_in"],
      [{ expires_in: 604_801 }, "expires_in"],
      [{ expires_in: 1.5 }, "expires_in"],
      [{ text: "yes" }, "text"],
      [{ scopes: ["admin"] }, "scopes"],
    ] as const) {
      const refused = await call("POST", "/dashboard/links", { key, body });
      assert.equal(refused.status, 400);
      assert.equal(refused.body["detail"], `see: ${field}`);
    }
    for (const [body, scope] of [
      [{ text: true }, "read:text"],
      [{ all_owners: true }, "admin"],
    ] as const) {
      const refused = await call("POST", "/dashboard/links", { key, body });
      assert.equal(refused.status, 403);
      assert.equal(refused.body["detail"], `the key has no scope ${scope}`);
    }
  });

  test("ends no later than its key", async () => {
    const body = { name: "short-lived", expires_in: 3_600 };
    const { body: made } = await call<CreatedKeyResponse>("POST", "/admin/keys", { body }); // prettier-ignore
    const { expires_at } = await share(made.key);
    assert.equal(expires_at, Math.ceil(made.expires_at ?? 0));
  });

  /** Every call of the document that needs a key, on a task of its own. */
  async function callsBehindKeys(taskId: string) {
    const { body } = await call<{
      paths: Record<string, Record<string, Operation>>;
    }>("GET", "/openapi.json");
    const values: Record<string, string> = {
      ...{ "{task_id}": taskId, "{model}": "demo" },
    };
    return Object.entries(body.paths).flatMap(([path, operations]) =>
      Object.entries(operations)
        .filter(([, { security = [] }]) => security.length > 0)
        .map(([method, { operationId }]) => ({
          ...{ method: method.toUpperCase(), operationId },
          path: path.replace(/\{\w+\}/, (name) => values[name] ?? "none"),
        })),
    );
  }
  /** The status, and what a refusal says; a stream is left at once. */
  async function answerTo(method: string, path: string, key: string) {
    const to = path === "/feed" ? "/feed?view=now" : path;
    const headers = { "x-api-key": key };
    const response = await fetch(stack.url + to, { method, headers });
    const { status } = response;
    if (response.ok) {
      await response.body?.cancel();
      return { status };
    }
    return { status, refusal: await response.text() };
  }

  test("reads what a key with the scopes to read may, and no call that changes something takes it", async () => {
    const maker = await makeKey("everything");
    const reader = await call<CreatedKeyResponse>("POST", "/admin/keys", {
      body: { name: "everything", rotate: true, scopes: ["read", "read:text"] },
    });
    const { token } = await share(maker.key, { text: true });
    const taskId = await makeTask(maker.key);
    const calls = await callsBehindKeys(taskId);
    assert.ok(calls.length > 25);
    const statuses: number[] = [];
    for (const { method, path, operationId } of calls) {
      const byLink = await answerTo(method, path, token);
      statuses.push(byLink.status);
      if (method !== "GET") {
        assert.equal(byLink.status, 403, `${method} ${path}`);
        const { refusal = "" } = byLink;
        assert.match(refusal, /"a read-only link changes nothing"/, path);
      } else if (operationId !== "getLink") {
        const byKey = await answerTo(method, path, reader.body.key);
        assert.deepEqual(byLink, byKey, `${method} ${path}`);
      }
    }
    for (const status of [200, 403]) assert.ok(statuses.includes(status));
    const { body } = await call<TaskListResponse>("GET", "/tasks", {
      key: maker.key,
    });
    assert.deepEqual(
      body.tasks.map(({ task_id }) => task_id),
      [taskId],
    );
  });

  test("shows texts only where that was asked for", async () => {
    const { key } = await makeKey("texts");
    const id = await makeTask(key);
    const read = async (token: string) => {
      const { body } = await call("GET", `/result/${id}`, { key: token });
      return [body["status"], typeof body["result"]];
    };
    const without = await share(key);
    const withText = await share(key, { text: true });
    assert.deepEqual(await read(without.token), ["completed", "undefined"]);
    assert.deepEqual(await read(withText.token), ["completed", "string"]);
    // Who has the link is nobody that the owner knows: each reading is recorded as one by a link.
    const history = `/tasks/${id}/events`;
    const reads = await eventually(async () => {
      const { body } = await call<HistoryResponse>("GET", history, { key });
      return body.text_reads;
    });
    assert.deepEqual(
      reads.map(({ surface, parts }) => [surface, ...parts]),
      [["link", "result"]],
    );
    const stream = await call("GET", `/stream/${id}`, { key: without.token });
    assert.equal(stream.body["detail"], "the key has no scope read:text");
  });

  test("of an administrator shows other owners only where that was asked for, and never their texts", async () => {
    const { key } = await makeKey("somebody-else");
    const id = await makeTask(key);
    const own = await share(stack.key, { text: true });
    const all = await share(stack.key, { text: true, all_owners: true });
    const idsFor = async (token: string) => {
      const path = "/tasks?owner=somebody-else";
      const { status, body } = await call<TaskListResponse>("GET", path, {
        key: token,
      });
      return status === 200 ? body.tasks.map(({ task_id }) => task_id) : status;
    };
    assert.equal(await idsFor(own.token), 403);
    assert.deepEqual(await idsFor(all.token), [id]);
    for (const path of ["/result", "/status", "/stream"])
      for (const { token } of [own, all]) {
        const { status } = await call("GET", `${path}/${id}`, { key: token });
        assert.equal(status, 404);
      }
    const path = `/tasks/${id}/events?owner=somebody-else`;
    const history = await call("GET", path, { key: all.token });
    assert.equal(history.status, 200);
    assert.doesNotMatch(JSON.stringify(history.body), /the prompt|text_reads/);
    const byKey = await call("GET", path);
    assert.match(JSON.stringify(byKey.body), /the prompt/);
    for (const path of ["/admin/keys", "/metrics"]) {
      const { status } = await call("GET", path, { key: all.token });
      assert.equal(status, 403);
    }
    const self = await call("GET", "/dashboard/links/self", { key: all.token });
    assert.equal(self.body["all_owners"], true);
  });

  test("to every owner's tasks shows in every view what an administrator sees, and another one what its owner sees", async () => {
    const { body: plain } = await call<CreatedKeyResponse>("POST", "/admin/keys", { body: { name: "default", rotate: true, scopes: ["read"] } }); // prettier-ignore
    const own = await share(stack.key);
    const all = await share(stack.key, { all_owners: true });
    // The moment's event is another owner's.
    await makeTask((await makeKey("latest")).key);
    /** Times that have ended, and of which one owner's tasks are not told by model. */
    const past = "/statistics?step=60&from=1700000000&to=1700003600&by=model";
    for (const path of [
      "/log/moment",
      "/log?owner=*",
      "/tasks?owner=*",
      past,
    ]) {
      const seen = async (key: string) => {
        const { status, body } = await call("GET", path, { key });
        return { status, body };
      };
      const admins = await seen(stack.key);
      assert.deepEqual(await seen(all.token), admins, path);
      assert.deepEqual(await seen(own.token), await seen(plain.key), path);
      assert.notDeepEqual(await seen(own.token), admins, path);
    }
    const steps = [];
    for (const key of [stack.key, all.token, plain.key, own.token]) {
      const page = await openNow(key, stack.url);
      const now = await eventually(page.now);
      steps.push(now.shortest_step);
      page.close();
      await page.ended;
    }
    assert.deepEqual(steps, [10, 10, 60, 60]);
  });

  test("that was changed, signed by others or put into an address is a 401 that says so", async () => {
    const { key } = await makeKey("tampered");
    const { token } = await share(key);
    const [head = "", payload = "", signature = ""] = token.split(".");
    const claims = JSON.parse(Buffer.from(payload, "base64url").toString()) as object; // prettier-ignore
    const encode = (part: object) =>
      Buffer.from(JSON.stringify(part)).toString("base64url");
    const wider = encode({ ...claims, scope: "read read:text admin" });
    const foreign = Buffer.alloc(32, 7).toString("base64url");
    for (const wrong of [
      `${head}.${wider}.${signature}`,
      `${head}.${payload}.${foreign}`,
      `${encode({ alg: "none" })}.${payload}.x`,
      token.slice(0, -4),
    ]) {
      const refused = await call("GET", "/tasks", { key: wrong });
      assert.equal(refused.status, 401);
      const detail = String(refused.body["detail"]);
      assert.match(detail, /^the link or read token has ended, is not whole/);
    }
    const long = `${token}${"x".repeat(2_000)}`;
    assert.equal((await call("GET", "/tasks", { key: long })).status, 401);
    const id = await makeTask(key);
    for (const path of ["/tasks", `/result/${id}`]) {
      const url = `${stack.url}${path}?token=${token}`;
      assert.equal((await fetch(url)).status, 401, path);
    }
  });

  const statusBy = async (token: string, at: string) =>
    (await call("GET", "/tasks", { key: token, at })).status;

  test("ends with its key on every gateway, and so does the feed that it holds", async () => {
    const made = await makeKey("ending");
    const { token } = await share(made.key);
    await eventually(async () => (await statusBy(token, stack.url2)) === 200);
    const held = await openNow(token, stack.url2);
    assert.equal(held.status, 200);
    await call("DELETE", `/admin/keys/${made.id}`);
    await held.ended;
    assert.ok(held.now());
    for (const at of [stack.url, stack.url2])
      assert.equal(await statusBy(token, at), 401);
  });

  test("ends with its time, of a key of API_KEYS too, and so does the feed that it holds", async () => {
    const { token, expires_at } = await share(stack.key, { expires_in: 8 });
    const held = await openNow(token, stack.url2);
    assert.equal(held.status, 200);
    await held.ended;
    assert.ok(held.now());
    assert.ok(Date.now() / 1_000 > expires_at - 1);
    const refused = await call("GET", "/tasks", { key: token });
    assert.equal(refused.status, 401);
    assert.match(String(refused.body["detail"]), /^the link .* has ended/);
  });

  test("counts under the limits of its key", async () => {
    const limits = { requests_per_minute: 2 };
    const { body: made } = await call<CreatedKeyResponse>("POST", "/admin/keys", { body: { name: "limited", limits } }); // prettier-ignore
    const { token } = await share(made.key);
    const statuses = [];
    // Two minutes may share them.
    for (let i = 0; i < 5; i++) statuses.push(await statusBy(token, stack.url));
    assert.ok(statuses.includes(429), statuses.join());
  });

  test("stands in no output, log file or metric", async () => {
    const { token } = await share(stack.key, { all_owners: true });
    assert.equal(await statusBy(token, stack.url), 200);
    const metrics = await fetch(`${stack.url}/metrics`, {
      headers: { "x-api-key": stack.key },
    });
    const files = await readdir(stack.logDir);
    const texts = [
      ...(["gateway", "results", "logger"] as const).map((name) =>
        stack.output(name),
      ),
      ...(await Promise.all(
        files.map((name) => readFile(join(stack.logDir, name), "utf8")),
      )),
      await metrics.text(),
    ];
    const [, payload = ""] = token.split(".");
    for (const text of texts) assert.ok(!text.includes(payload));
  });
});
