/** Webhooks of a whole system: whoever ends a task, its outcome is told; and what a key sees of them. */
import {
  eventually,
  startStack,
  startWebhookReceiver,
  type Stack,
  type WebhookReceiver,
} from "@jetscribe/testing";
import assert from "node:assert/strict";
import { afterAll, beforeAll, describe, test } from "vitest";
import { call, outcome, post, type Running } from "./client.ts";

describe("webhooks of a whole system", () => {
  const opened = new AsyncDisposableStack();
  let stack: Stack;
  let receiver: WebhookReceiver;
  let other: Running;
  beforeAll(async () => {
    stack = opened.use(
      await startStack({
        services: ["gateway", "inference", "results", "logger", "webhooks"],
        env: {
          ...{ ENGINE: "fake", FAKE_MS: "20", SLOTS: "2" },
          ...{ WEBHOOK_ALLOW_HTTP: "on", WEBHOOK_PORTS: "any" },
          WEBHOOK_ALLOW_PRIVATE: "127.0.0.1",
        },
      }),
    );
    receiver = opened.use(await startWebhookReceiver());
    const { body } = await call(stack, "/webhooks/secret");
    receiver.verifyWith(String(body["secret"]));
    other = await newKey({ name: "other" });
  });
  afterAll(() => opened.disposeAsync());

  async function newKey(fields: object): Promise<Running & { id: string }> {
    const { status, body } = await call(stack, "/admin/keys", {
      method: "POST",
      body: JSON.stringify(fields),
    });
    assert.equal(status, 201, JSON.stringify(body));
    const { key, id } = body as { key: string; id: string };
    return { url: stack.url, key, id };
  }
  const told = (id: string) =>
    eventually(() => receiver.received.find((one) => one.id === id));
  const deliveriesOf = async (running: Running, query = "") => {
    const path = `/webhooks/deliveries${query}`;
    const { status, body } = await call(running, path);
    assert.equal(status, 200, JSON.stringify(body));
    return body["deliveries"] as Record<string, unknown>[];
  };
  const resend = (running: Running, id: string) =>
    call(running, `/webhooks/deliveries/${id}/resend`, { method: "POST" });

  test("the worker's, the gateway's and the results service's outcomes are told", async () => {
    const webhook = { url: receiver.url };
    const completed = await post(stack, { webhook });
    const later = Date.now() / 1_000 + 3_600;
    const cancelled = await post(stack, { webhook, not_before: later });
    await call(stack, `/cancel/${cancelled}`, { method: "POST" });
    await outcome(stack, completed);
    await stack.kill("inference");
    const expired = await post(stack, { webhook, start_timeout_ms: 100 });
    for (const [id, ended] of [
      [completed, "completed"],
      [cancelled, "cancelled"],
      [expired, "failed"],
    ] as const) {
      const { status } = await outcome(stack, id);
      assert.equal(status, ended);
      const call = await told(id);
      assert.ok(call.verified);
      assert.deepEqual(
        [call.type, call.data["status"], call.data["owner"]],
        [`task.${String(status)}`, status, "default"],
      );
      assert.equal(call.data["result"], undefined);
    }
    assert.deepEqual(await deliveriesOf(stack), []);
    await stack.restart("inference");
  });

  test("a key's own webhook is for its requests that name none, also those of OpenAI's API", async () => {
    const url = `${receiver.url}/of-key`;
    const key = await newKey({ name: "team", webhook: { url } });
    const id = await post(key);
    assert.equal((await told(id)).path, "/of-key");
    const own = { url: `${receiver.url}/own` };
    assert.equal((await told(await post(key, { webhook: own }))).path, "/own");
    const before = receiver.received.length;
    await call(key, "/v1/completions", {
      method: "POST",
      body: JSON.stringify({ model: "demo", prompt: "Hi", max_tokens: 4 }),
    });
    await eventually(() => receiver.received.length > before);
    assert.equal(receiver.received.at(-1)?.path, "/of-key");
    const change = await call(stack, `/admin/keys/${key.id}`, {
      method: "PATCH",
      body: JSON.stringify({ webhook: null }),
    });
    assert.deepEqual([change.status, change.body["webhook"]], [200, undefined]);
  });

  test("what was given up is listed for its owner alone, and sent again by nobody else", async () => {
    const url = `${receiver.url}/gone`;
    receiver.answerWith(({ path }) => (path === "/gone" ? 410 : 204));
    const id = await post(stack, { webhook: { url } });
    const [dead] = await eventually(async () => {
      const found = await deliveriesOf(stack, "?state=dead&limit=1");
      return found.length > 0 && found;
    });
    assert.deepEqual(
      [dead?.["task_id"], dead?.["error"], dead?.["http_status"]],
      [id, "gone", 410],
    );
    assert.deepEqual(await deliveriesOf(other), []);
    assert.deepEqual(await deliveriesOf(stack, "?state=pending"), []);
    for (const [running, named] of [
      [other, id],
      [stack, id.replace(/^./, "f")],
      [stack, "*"],
      [stack, "%3E"],
      [stack, "a.b"],
    ] as const)
      assert.equal((await resend(running, named)).status, 404, named);

    receiver.answerWith(() => 204);
    const again = await resend(stack, id);
    assert.deepEqual(
      [again.status, again.body["state"], again.body["attempts"]],
      [200, "pending", 0],
    );
    await eventually(() => receiver.taken.has(id));
    await eventually(async () => (await deliveriesOf(stack)).length === 0);
  });

  test("every owner has a secret of their own, which a link does not show", async () => {
    const [mine, others] = await Promise.all(
      [stack, other].map((running) => call(running, "/webhooks/secret")),
    );
    assert.match(String(mine?.body["secret"]), /^whsec_/);
    assert.notEqual(mine?.body["secret"], others?.body["secret"]);
    assert.equal(mine?.headers.get("cache-control"), "no-store");
    const link = await call(stack, "/dashboard/links", {
      method: "POST",
      body: JSON.stringify({ text: true, all_owners: true }),
    });
    const asLink = { url: stack.url, key: String(link.body["token"]) };
    for (const path of ["/webhooks/secret", "/webhooks/deliveries"])
      assert.equal((await call(asLink, path)).status, 403);
  });

  test("no log of the services has a secret or an address's path", () => {
    for (const service of ["gateway", "webhooks", "results"] as const)
      assert.doesNotMatch(stack.output(service), /whsec_|\/gone|\/of-key/);
  });
});
