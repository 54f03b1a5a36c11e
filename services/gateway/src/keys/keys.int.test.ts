/** API keys on two gateways that share a broker: made, changed, revoked and expired. */
import { connectBroker } from "@jetscribe/event-log/broker/connection";
import { scan } from "@jetscribe/event-log/read/readLog";
import type {
  CreatedKeyResponse,
  KeyResponse,
  LimitsResponse,
} from "@jetscribe/schema";
import { startStack, eventually, type Stack } from "@jetscribe/testing";
import assert from "node:assert/strict";
import { execFile } from "node:child_process";
import { fileURLToPath } from "node:url";
import { promisify } from "node:util";
import { afterAll, beforeAll, describe, test } from "vitest";

/** What is promised of a key's end. */
const withinMs = 1_000;
/** The machine may be busy with other tests: a delay of its own is in each of them. */
const assertKept = (tookMs: readonly number[]) =>
  assert.ok(Math.min(...tookMs) < withinMs, `${tookMs.join(", ")} ms`);

describe("keys", () => {
  let stack: Stack;
  beforeAll(async () => {
    stack = await startStack({
      services: ["gateway", "gateway-2", "inference", "results"],
      env: {
        ...{ ENGINE: "fake", FAKE_MS: "60000", FAKE_TOKENS: "600" },
        SLOTS: "16",
      },
    });
  });
  afterAll(async () => {
    // Its tasks take a minute.
    await stack.kill("inference");
    await stack.stop();
  });

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
        "x-api-key": key,
        ...(body && { "content-type": "application/json" }),
      },
      ...(body && { body: JSON.stringify(body) }),
    });
    const { status, headers } = response;
    return { status, headers, body: (await response.json()) as T };
  }
  async function make(body: object) {
    const made = await call<CreatedKeyResponse>("POST", "/admin/keys", {
      body,
    });
    assert.equal(made.status, 201, JSON.stringify(made.body));
    return made.body;
  }
  const revoke = ({ id }: { id: string }, at = stack.url) =>
    call<KeyResponse>("DELETE", `/admin/keys/${id}`, { at });
  const list = async (at = stack.url2) => {
    const { body } = await call<{ keys: KeyResponse[] }>("GET", "/admin/keys", {
      at,
    });
    return body.keys;
  };
  /** Whether a key is let in: a task that never was is a 404 then. */
  const isLetIn = async (key: string, at: string) => {
    const path = "/status/01a223a2-500a-7000-b91f-8c3d85cca0f1";
    const { status } = await call("GET", path, { key, at });
    assert.ok(status === 404 || status === 401, String(status));
    return status === 404;
  };
  const isOn = (key: string) => eventually(() => isLetIn(key, stack.url2));

  /** A stream and a wait of a running task on the second gateway; both resolve with when they ended. */
  async function hold(key: string) {
    const posted = await call("POST", "/generate", {
      key,
      body: { prompt: "hi" },
    });
    const id = String(posted.body["task_id"]);
    const headers = { "x-api-key": key };
    // Before the stream: the gateway has let it in by the time that the stream has text.
    const waitEnd = call("GET", `/result/${id}?wait=60`, {
      key,
      at: stack.url2,
    }).then(({ status }) => ({ status, at: performance.now() }));
    const stream = await fetch(`${stack.url2}/stream/${id}`, { headers });
    const reader = stream
      .body!.pipeThrough(new TextDecoderStream())
      .getReader();
    let text = "";
    while (!text.includes("event: token")) {
      const { value, done } = await reader.read();
      assert.ok(!done, text);
      text += value;
    }
    const streamEnd = (async () => {
      for (;;) {
        const { value, done } = await reader.read();
        if (done) return performance.now();
        text += value;
      }
    })();
    return {
      async ended() {
        const [streamAt, wait] = await Promise.all([streamEnd, waitEnd]);
        assert.equal(wait.status, 401);
        assert.doesNotMatch(text, /id: end/);
        return Math.max(streamAt, wait.at);
      },
    };
  }

  test("the list at a time has the keys as they were then", async () => {
    const listAt = async (time: number) => {
      const path = `/admin/keys?time=${time}`;
      const { status, body } = await call<{ keys: KeyResponse[] }>("GET", path);
      assert.equal(status, 200, JSON.stringify(body));
      return body.keys;
    };
    const made = await make({ name: "then", expires_in: 3_600 });
    const { created_at } = made;
    assert.ok(created_at);
    const path = `/admin/keys/${made.id}`;
    await call("PATCH", path, { body: { scopes: ["read"] } });
    const { body: revoked } = await revoke(made);
    const at = async (time: number) =>
      (await listAt(time)).find(({ id }) => id === made.id);
    assert.equal(await at(created_at - 0.001), undefined);
    const first = await at(created_at);
    assert.deepEqual(first?.scopes, made.scopes);
    assert.equal(first?.status, "active");
    const last = await at(revoked.revoked_at ?? 0);
    assert.deepEqual([last?.scopes, last?.status], [["read"], "revoked"]);
    assert.ok((await listAt(created_at)).every(({ source }) => source === "api")); // prettier-ignore
    for (const time of ["soon", "-1"])
      assert.equal((await call("GET", `/admin/keys?time=${time}`)).status, 400);
  });

  test("a made key works on both gateways, with its scopes, and is told once", async () => {
    const body = {
      name: "Team One",
      scopes: ["read"],
      limits: { max_tasks: 7 },
    };
    const made = await call<CreatedKeyResponse>("POST", "/admin/keys", {
      body,
    });
    assert.equal(made.headers.get("cache-control"), "no-store");
    const { key, ...shown } = made.body;
    assert.match(key, /^jsk_[A-Za-z0-9]{12}_[A-Za-z0-9]{43}$/);
    assert.ok(key.startsWith(`${shown.prefix}_`));
    assert.ok(await isLetIn(key, stack.url));
    await isOn(key);
    for (const at of [stack.url, stack.url2]) {
      const refused = await call("POST", "/generate", {
        key,
        at,
        body: { prompt: "hi" },
      });
      assert.equal(refused.status, 403);
      const found = (await list(at)).find(({ id }) => id === shown.id);
      assert.deepEqual({ ...found, last_used_at: null }, shown);
    }
    // Nobody can read it: neither in what is listed, nor on the broker.
    assert.ok(!JSON.stringify(await list()).includes(key));
    await using broker = await connectBroker({
      url: stack.natsUrl,
      name: "test",
    });
    let stored = "";
    const reading = { stream: broker.streams.keys, from: { seq: 1 } };
    await scan(broker, reading, ({ data }) => {
      stored += Buffer.from(data).toString();
      return false;
    });
    assert.match(stored, /Team One/);
    assert.ok(!stored.includes(key.slice(-43)));
  });

  test("only a key with the scope admin manages keys", async () => {
    const { key } = await make({ name: "no-admin" });
    const admin = await make({ name: "an-admin", scopes: ["admin"] });
    for (const [method, path, body] of [
      ["GET", "/admin/keys"],
      ["POST", "/admin/keys", { name: "x" }],
      ["PATCH", `/admin/keys/${admin.id}`, {}],
      ["DELETE", `/admin/keys/${admin.id}`],
    ] as const)
      assert.equal(
        (await call(method, path, { key, ...(body && { body }) })).status,
        403,
      );
    const made = await call("POST", "/admin/keys", {
      key: admin.key,
      body: { name: "by-admin" },
    });
    assert.equal(made.status, 201);
    assert.equal((await revoke(admin)).status, 200);
    assert.equal(
      (await call("GET", "/admin/keys", { key: admin.key })).status,
      401,
    );
  });

  test("what is wrong with a key that is to be made is told by field", async () => {
    for (const [body, ...fields] of [
      [{}, "name"],
      [{ name: "***" }, "name"],
      [{ name: "a\nb" }, "name"],
      [{ name: "x", scopes: ["fly"] }, "scopes.0"],
      [{ name: "x", scopes: [] }, "scopes"],
      [{ name: "x", scopes: ["read:text"] }, "scopes"],
      [{ name: "x", expires_in: 0 }, "expires_in"],
      [{ name: "x", expires_at: 1 }, "expires_at"],
      [{ name: "x", expires_in: 5, expires_at: 9e9 }, "expires_at"],
      [
        { name: "x", limits: { max_tasks: 0, a: 1 } },
        "limits.max_tasks",
        "limits.a",
      ],
      [{ name: "x", colour: "red" }, "colour"],
    ] as [object, ...string[]][]) {
      const { status, body: problem } = await call<{
        errors?: { field: string }[];
      }>(...(["POST", "/admin/keys"] as const), { body });
      assert.equal(status, 400, JSON.stringify(body));
      assert.deepEqual(
        problem.errors?.map(({ field }) => field),
        fields,
      );
    }
  });

  test("of two administrators who make a key of one name at once one succeeds", async () => {
    const answers = await Promise.all(
      Array.from({ length: 12 }, (_, i) =>
        call("POST", "/admin/keys", {
          at: i % 2 ? stack.url : stack.url2,
          body: { name: "raced" },
        }),
      ),
    );
    const statuses = answers.map(({ status }) => status).toSorted();
    assert.deepEqual(statuses, [201, ...Array<number>(11).fill(409)]);
    const named = (await list()).filter(({ name }) => name === "raced");
    assert.equal(named.length, 1);
  });

  test("a key can be rotated: the new one of its name sees the same tasks while both work", async () => {
    const old = await make({ name: "rotated" });
    const posted = await call("POST", "/generate", {
      key: old.key,
      body: { prompt: "hi" },
    });
    const path = `/status/${String(posted.body["task_id"])}`;
    const refused = await call("POST", "/admin/keys", {
      body: { name: "rotated" },
    });
    assert.equal(refused.status, 409);
    const next = await make({ name: "rotated", rotate: true });
    for (const { key } of [old, next])
      assert.equal((await call("GET", path, { key })).status, 200);
    await revoke(old);
    assert.equal((await call("GET", path, { key: old.key })).status, 401);
    assert.equal((await call("GET", path, { key: next.key })).status, 200);
  });

  test("a revoked key stops on every gateway within a second, and what it holds ends", async () => {
    const tookMs: number[] = [];
    for (const name of ["revoked", "revoked too", "revoked last"]) {
      const made = await make({ name });
      await isOn(made.key);
      const held = await hold(made.key);
      const askedAt = performance.now();
      const { status, body } = await revoke(made);
      assert.deepEqual([status, body.status], [200, "revoked"]);
      await held.ended();
      for (const at of [stack.url, stack.url2])
        assert.equal(await isLetIn(made.key, at), false);
      tookMs.push(performance.now() - askedAt);
      assert.equal((await revoke(made, stack.url2)).body.status, "revoked");
      const change = { body: { scopes: ["read"] } };
      const changed = await call("PATCH", `/admin/keys/${made.id}`, change);
      assert.equal(changed.status, 409);
    }
    assertKept(tookMs);
  });

  test("an expired key stops on every gateway within a second, and what it holds ends", async () => {
    const lateMs: number[] = [];
    for (const name of ["expired", "expired too", "expired last"]) {
      const made = await make({ name });
      await isOn(made.key);
      const held = await hold(made.key);
      const body = { expires_in: 1 };
      const path = `/admin/keys/${made.id}`;
      const changed = await call<KeyResponse>("PATCH", path, { body });
      const expiresIn = changed.body.expires_at! - Date.now() / 1_000;
      const expiresAt = performance.now() + expiresIn * 1_000;
      const late = (await held.ended()) - expiresAt;
      assert.ok(late > -withinMs, `${late} ms`);
      // The gateways' clocks may differ by some ms.
      for (const at of [stack.url, stack.url2])
        await eventually(async () => !(await isLetIn(made.key, at)));
      lateMs.push(performance.now() - expiresAt);
      const found = (await list()).find(({ id }) => id === made.id);
      assert.equal(found?.status, "expired");
    }
    assertKept(lateMs);
  });

  test("a key that loses a scope loses what it holds by it", async () => {
    const made = await make({ name: "changed" });
    await isOn(made.key);
    const held = await hold(made.key);
    const body = { scopes: ["cancel"] };
    const changed = await call<KeyResponse>("PATCH", `/admin/keys/${made.id}`, {
      body,
    });
    assert.deepEqual(changed.body.scopes, ["cancel"]);
    await held.ended().catch((error: unknown) => {
      throw new Error("the stream or the wait went on", { cause: error });
    });
    assert.equal(
      (await call("GET", "/status/x", { key: made.key })).status,
      403,
    );
  });

  test("a read token of one gateway reads its task on the other one, and ends with its key", async () => {
    const made = await make({ name: "browser" });
    await isOn(made.key);
    const body = { prompt: "hi" };
    const posted = await call("POST", "/generate", { key: made.key, body });
    const id = String(posted.body["task_id"]);
    const path = `/tasks/${id}/token`;
    const answer = await call("POST", path, { key: made.key });
    const query = `token=${String(answer.body["token"])}`;
    const stream = await fetch(`${stack.url2}/stream/${id}?${query}`);
    assert.equal(stream.status, 200);
    await revoke(made);
    const text = await stream.text();
    assert.doesNotMatch(text, /id: end/);
    for (const at of [stack.url, stack.url2])
      assert.equal((await fetch(`${at}/status/${id}?${query}`)).status, 401);
    // Nowhere in what the gateways say.
    for (const member of ["gateway", "gateway-2"] as const)
      assert.ok(!stack.output(member).includes(query));
  });

  test("a stream and a wait of a read token end with the token, of a key of API_KEYS too", async () => {
    const posted = await call("POST", "/generate", { body: { prompt: "hi" } });
    const id = String(posted.body["task_id"]);
    const path = `/tasks/${id}/token`;
    // The gateway has let both in by then.
    const body = { expires_in: 8 };
    const { body: given } = await call("POST", path, { body });
    const query = `token=${String(given["token"])}`;
    const [text, wait] = await Promise.all([
      fetch(`${stack.url}/stream/${id}?${query}`).then((answer) =>
        answer.text(),
      ),
      fetch(`${stack.url}/result/${id}?wait=60&${query}`),
    ]);
    assert.match(text, /^event: token$/m);
    assert.doesNotMatch(text, /id: end/);
    assert.equal(wait.status, 401);
    assert.ok(Date.now() / 1_000 > Number(given["expires_at"]) - 1);
    assert.equal((await call("GET", `/status/${id}`)).body["status"], "processing"); // prettier-ignore
  });

  test("keys of API_KEYS are listed, and are not revoked here", async () => {
    const [first] = await list();
    assert.deepEqual(
      [first?.id, first?.source, first?.prefix],
      ["env:default", "settings", null],
    );
    assert.equal((await revoke({ id: "env:default" })).status, 409);
    assert.equal((await revoke({ id: "nobody" })).status, 404);
  });

  test("when a key was used last is shown by every gateway", async () => {
    const made = await make({ name: "used" });
    assert.equal(made.last_used_at, null);
    assert.ok(await isLetIn(made.key, stack.url));
    const usedAt = Date.now() / 1_000;
    const seen = await eventually(async () => {
      const found = (await list(stack.url2)).find(({ id }) => id === made.id);
      return found?.last_used_at;
    });
    assert.ok(Math.abs(seen - usedAt) < 60);
  });

  test("an administrator reads what a key has left, which costs the key nothing", async () => {
    const limits = { requests_per_minute: 5, max_tasks: 2 };
    const made = await make({ name: "limited", limits });
    await isOn(made.key);
    const path = `/admin/keys/${made.id}/limits`;
    const requests = async (options = {}) => {
      const { status, body } = await call<LimitsResponse>("GET", path, options);
      return [status, body.requests?.remaining, body.tasks?.unfinished];
    };
    const before = await requests();
    assert.deepEqual(before.slice(2), [0]);
    assert.deepEqual(await requests(), before);
    const { key } = made;
    const own = await call<LimitsResponse>("GET", "/limits", { key });
    assert.deepEqual(await requests(), [200, own.body.requests?.remaining, 0]);
    assert.deepEqual(await requests({ at: stack.url2 }), await requests());
    assert.equal((await requests({ key }))[0], 403);
    await revoke(made);
    await eventually(async () => (await requests())[0] === 404);
  });

  test("jetscribe keys makes, lists, changes and revokes them", async () => {
    const run = async (...words: string[]) => {
      const program = fileURLToPath(
        new URL("../../../../packages/cli/src/main.ts", import.meta.url),
      );
      const env = { JETSCRIBE_URL: stack.url, JETSCRIBE_KEY: stack.key };
      const args = [program, "keys", ...words];
      return (await promisify(execFile)(process.execPath, args, { env }))
        .stdout;
    };
    const added = await run(
      ...["add", "by command", "--scopes", "read,cancel"],
      ...["--expires-in", "30d", "--max-tasks", "4"],
    );
    const [, key = "", id = ""] = /^key (jsk_(\w{12})_\w{43})$/m.exec(added) ?? []; // prettier-ignore
    assert.ok(await isLetIn(key, stack.url));
    const find = async () =>
      (await list(stack.url)).find((one) => one.id === id);
    const made = await find();
    assert.deepEqual(
      [made?.name, made?.scopes, made?.limits],
      ["by command", ["read", "cancel"], { max_tasks: 4 }],
    );
    const days = ((made?.expires_at ?? 0) - Date.now() / 1_000) / 86_400;
    assert.ok(Math.abs(days - 30) < 0.01);
    // One limit more: what is not named stays.
    const changed = await run("change", id, "--tokens-per-day", "9", "--json");
    const limits = { max_tasks: 4, tokens_per_day: 9 };
    assert.deepEqual((JSON.parse(changed) as KeyResponse).limits, limits);
    await run("change", id, "--max-tasks", "none", "--expires-in", "never");
    const { scopes, expires_at, ...after } = (await find())!;
    assert.deepEqual(
      [scopes, expires_at, after.limits],
      [["read", "cancel"], null, { tokens_per_day: 9 }],
    );
    const url = "https://receiver.example/hook";
    await run("change", id, "--webhook", url, "--webhook-events", "failed");
    assert.deepEqual((await find())?.webhook, { url, events: ["failed"] });
    const shown = new RegExp(`^${id} .* ${url} failed$`, "m");
    assert.match(await run("list"), shown);
    await run("change", id, "--webhook", "none");
    assert.equal((await find())?.webhook, undefined);
    const isNoUrl = { code: 1, stderr: /400 .*\(webhook\.url: /s };
    await assert.rejects(run("change", id, "--webhook", "ftp://a"), isNoUrl);
    await run("revoke", id);
    assert.equal(await isLetIn(key, stack.url), false);
    const isRefused = { code: 1, stderr: /400 .*\(scopes\.0: /s };
    const isNone = { code: 1, stderr: /there is no key nobody/ };
    const [now, then] = await Promise.all([
      run("list"),
      run("list", "--json", "--at", String(made?.created_at)),
      assert.rejects(run("add", "other", "--scopes", "fly"), isRefused),
      assert.rejects(run("change", "nobody", "--max-tasks", "1"), isNone),
    ]);
    assert.match(
      now,
      new RegExp(`^${id} +by command +revoked +read,cancel +tokens_per_day=9 `, "m"), // prettier-ignore
    );
    const { keys } = JSON.parse(then) as { keys: KeyResponse[] };
    assert.equal(keys.find((one) => one.id === id)?.status, "active");
  });

  test("while the broker is away keys work as they were known", async () => {
    const gone = await make({ name: "gone" });
    await revoke(gone);
    // Who has read the later key has read what stands before it.
    const made = await make({ name: "offline" });
    await isOn(made.key);
    await stack.nats.kill();
    for (const at of [stack.url, stack.url2]) {
      const read = async (key: string) =>
        (await call("GET", "/status/x", { key, at })).status;
      assert.equal(await read(made.key), 404);
      assert.equal(await read(gone.key), 401);
    }
    const { status } = await call("POST", "/admin/keys", {
      body: { name: "late" },
    });
    assert.equal(status, 503);
    await stack.nats.restart();
  });
});
